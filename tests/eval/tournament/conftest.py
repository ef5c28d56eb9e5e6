"""Small tables whose figures can be worked by hand, and the results of tournaments on them as results.json has them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.results import Results
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.entrants import Entrant
from router_r1_eval.tournament.measure import measure
from router_r1_eval.tournament.summary import table_summary
from router_r1_eval.tournament.tournament import TableTournament
from router_r1_reward import RewardConfig

Json = dict[str, Any]
Answer = str | None
AnswersOf = Callable[[int], tuple[Answer, ...]]
"""Number of a question -> its category, and the answers of `a`, `b` and `c`."""
SamplesOf = Callable[[int], dict[str, list[Any]]]
"""Number of a question -> the samples of `small` and `large`: texts, None for a sample from which no answer could be
extracted, and ... for one that was not recorded."""

LEVELS = (Level(name="rich", worth_usd=1.0), Level(name="poor", worth_usd=0.0001))


def cards(**prices: float) -> list[ModelCard]:
    return [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in prices.items()]


# --- worlds


@pytest.fixture
def world_of() -> Callable[..., RecordedWorld]:
    """(answers, size=80) -> a world of choice questions whose gold answer is A.

    The candidates `a`, `b` and `c` have prices of 1, 2 and 10; a call costs $0.0001 times the price.
    """
    candidates = cards(a=1.0, b=2.0, c=10.0)

    def make(answers: AnswersOf, *, size: int = 80) -> RecordedWorld:
        questions, outcomes = [], []
        for number in range(size):
            category, *given = answers(number)
            fields = {"question": f"Question {number}?", "answer": "A", "choices": ("x", "y", "z")}
            questions.append(
                Question(id=f"q{number}", metric="choice", category=category, **fields)
            )
            for card, answer in zip(candidates, given, strict=True):
                score = float(answer == "A")
                tokens = {"input_tokens": 100, "output_tokens": 0}
                row = {"id": f"q{number}", "model": card.name, "text": "...", "answer": answer}
                outcomes.append(Outcome(**row, score=score, **tokens))
        table = OutcomeTable(candidates, questions, outcomes, source="drawn")
        return RecordedWorld(table, RecordedWorldConfig(table="drawn", levels=LEVELS))

    return make


@pytest.fixture
def halves() -> AnswersOf:
    """`a` is right on even questions, a category of their own; `c` on all but every tenth question; `b` on none."""

    def answers(number: int) -> tuple[Answer, ...]:
        return (
            "odd" if number % 2 else "even",
            "B" if number % 2 else "A",
            "C",
            "C" if number % 10 == 5 else "A",
        )

    return answers


@pytest.fixture
def sampled_table() -> Callable[..., OutcomeTable]:
    """(samples, size=1) -> a table of `small` and `large`, whose prices are 1 and 10, with several samples of each.

    The gold answer of every question is A; every second question is long.
    """

    def make(samples: SamplesOf, size: int = 1) -> OutcomeTable:
        questions, outcomes = [], []
        for number in range(size):
            text = f"Question {number}?" + " Think of everything." * (number % 2)
            fields = {"question": text, "answer": "A", "metric": "em", "category": "one"}
            questions.append(Question(id=f"q{number}", **fields))
            for model, answers in samples(number).items():
                for sample, answer in enumerate(answers):
                    if answer is not ...:
                        tokens = {"input_tokens": 100, "output_tokens": 0, "sample": sample}
                        score = float(answer == "A")
                        row = {"id": f"q{number}", "model": model, "text": "...", "answer": answer}
                        outcomes.append(Outcome(**row, score=score, **tokens))
        return OutcomeTable(cards(small=1.0, large=10.0), questions, outcomes, source="drawn")

    return make


@pytest.fixture
def sampled_world(sampled_table: Callable[..., OutcomeTable]) -> Callable[..., RecordedWorld]:
    """(samples, size=120) -> a world on a `sampled_table`."""

    def make(samples: SamplesOf, size: int = 120) -> RecordedWorld:
        settings = RecordedWorldConfig(table="drawn", levels=LEVELS)
        return RecordedWorld(sampled_table(samples, size), settings)

    return make


@pytest.fixture
def two_of_three() -> SamplesOf:
    """`small` is right in two of three samples of every question; `large` is right on four questions of five."""

    def samples(number: int) -> dict[str, list[Any]]:
        small = ["A", "A", "A"]
        small[number % 3] = f"B{number % 3}"
        return {"small": small, "large": ["B" if number % 5 == 0 else "A"]}

    return samples


@pytest.fixture
def small_fails_long() -> SamplesOf:
    """`small` is right on short questions and `large` on all, except every tenth question, on which both are wrong."""

    def samples(number: int) -> dict[str, list[Any]]:
        return {
            "small": ["A" if number % 2 == 0 and number % 10 else "B"],
            "large": ["A" if number % 10 else "B"],
        }

    return samples


# --- changed worlds


@pytest.fixture
def with_outcomes() -> Callable[..., RecordedWorld]:
    """(world, change) -> the same world with every outcome updated by the fields that `change(outcome)` gives."""

    def make(world: RecordedWorld, change: Callable[[Outcome], dict[str, Any]]) -> RecordedWorld:
        outcomes = [o.model_copy(update=change(o)) for o in world.table]
        cards, questions = world.table.cards, world.table.questions
        table = OutcomeTable(cards, questions, outcomes, source=world.table.source)
        return RecordedWorld(table, world.settings)

    return make


@pytest.fixture
def is_test() -> Callable[[int], bool]:
    """Number of a question -> whether it is a test question."""
    return lambda number: split_of(f"q{number}") is Split.TEST


# --- results


@pytest.fixture
def measured() -> Callable[..., Json]:
    """(world, entrants, seed=0) -> the results of these entrants alone."""

    def run(world: RecordedWorld, entrants: Sequence[Entrant], seed: int = 0) -> Json:
        return measure(TableSplits.of(world), entrants, seed=seed).to_json()

    return run


@pytest.fixture
def rows_of(measured: Callable[..., Json]) -> Callable[[RecordedWorld], dict[str, Json]]:
    """World -> the rows of all baselines, by name."""

    def run(world: RecordedWorld) -> dict[str, Json]:
        results = measured(world, baselines(TableSplits.of(world)))
        return {row["name"]: row for row in results["rows"]}

    return run


@pytest.fixture
def hold() -> Callable[..., Json]:
    """(world, one-shot routers) -> the results of a whole tournament."""

    def run(world: RecordedWorld, one_shot: Sequence[str] = ()) -> Json:
        contest = TableTournament(world, TableSplits.of(world), one_shot=one_shot)
        return contest.hold(RewardConfig()).to_json()

    return run


@pytest.fixture
def lines_of() -> Callable[[Json], list[str]]:
    """Results -> the lines that the command prints."""
    return lambda results: table_summary(Results.model_validate(results))
