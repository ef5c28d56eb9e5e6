"""A small recorded world of questions about colours, and calls of its candidates."""

from collections.abc import Callable
from typing import Any

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.ledger import Ledger
from router_r1.model_cards import ModelCard
from router_r1.pool import Account
from router_r1.token_prices import Price
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

Make = Callable[..., Any]


@pytest.fixture
def question() -> Make:
    """(number, changed fields) -> a question with four options, of which C, `blue`, is right."""

    def make(number: int, **changes: Any) -> Question:
        fields: dict[str, Any] = {
            "id": f"q{number}",
            "question": f"Which colour has number {number}?",
            "choices": ("red", "green", "blue", "white"),
            "answer": "C",
            "metric": "choice",
            "category": "colours",
        }
        return Question(**fields | changes)

    return make


@pytest.fixture
def outcome() -> Make:
    """(number, model, answer="C", changed fields) -> the model's outcome on a question; C has score 1."""

    def make(number: int, model: str, answer: str | None = "C", **changes: Any) -> Outcome:
        fields: dict[str, Any] = {
            "id": f"q{number}",
            "model": model,
            "text": f"Surely ({answer}).",
            "answer": answer,
            "score": float(answer == "C"),
            "input_tokens": 40,
            "output_tokens": 10,
        }
        return Outcome(**fields | changes)

    return make


@pytest.fixture
def world_of() -> Make:
    """(questions, outcomes, settings) -> a world with the candidates `small` and `large`, of prices 1 and 10."""

    def make(questions: list[Question], outcomes: list[Outcome], **settings: Any) -> RecordedWorld:
        prices = {"small": 1, "large": 10}
        cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in prices.items()]
        table = OutcomeTable(cards, questions, outcomes, source="colours")
        return RecordedWorld(table, RecordedWorldConfig(table="colours", **settings))

    return make


@pytest.fixture
def colours(question: Make, outcome: Make, world_of: Make) -> Make:
    """(settings) -> a world of sixty questions: `large` is always right, `small` on odd ones and not recorded on q0."""

    def make(**settings: Any) -> RecordedWorld:
        outcomes = [outcome(n, "large") for n in range(60)]
        outcomes += [outcome(n, "small", "C" if n % 2 else "A") for n in range(1, 60)]
        world: RecordedWorld = world_of([question(n) for n in range(60)], outcomes, **settings)
        return world

    return make


@pytest.fixture
def find() -> Make:
    """(world, number) -> the question of this number, from whichever split has it."""

    def find(world: RecordedWorld, number: int) -> Question:
        every = [q for split in Split for q in world.questions(split)]
        return next(q for q in every if q.id == f"q{number}")

    return find


@pytest.fixture
def ask() -> Make:
    """(world, question, model, query, sample, ledger) -> the response of a candidate in an episode on this question."""

    async def ask(world, asked, model, query="question", sample=0, ledger=None):
        account = Account(Ledger() if ledger is None else ledger)
        return await world.pool(asked).ask(model, query, account, sample_index=sample)

    return ask
