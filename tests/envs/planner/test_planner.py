"""The planner: what it learns on a small table of known structure, its decisions, its file, and what it may not see."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from router_r1.data.outcome_table import Outcome, OutcomeTable  # noqa: E402
from router_r1.data.questions import Question  # noqa: E402
from router_r1.data.splits import Split, split_of  # noqa: E402
from router_r1.errors import ConfigError, DataError  # noqa: E402
from router_r1.model_cards import ModelCard  # noqa: E402
from router_r1.token_prices import Price  # noqa: E402
from router_r1_envs.planner.config import PlannerConfig  # noqa: E402
from router_r1_envs.planner.planner import Planner  # noqa: E402
from router_r1_envs.worlds.base import Level, level_named  # noqa: E402
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig  # noqa: E402
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits  # noqa: E402
from router_r1_envs.worlds.recorded_world.world import RecordedWorld, open_recorded  # noqa: E402

LETTERS = "ABCD"
# How often each is right in the two categories. `twin` fails independently of `cheap`, so agreement is informative.
SKILLS = {"cheap": (0.95, 0.5), "twin": (0.5, 0.5), "expensive": (0.9, 0.9)}
PRICES = {"cheap": 1.0, "twin": 1.0, "expensive": 10.0}
QUICK = PlannerConfig(
    max_calls=3,
    posterior_steps=100,
    value_steps=160,
    hidden=24,
    batch=128,
    members=1,
    checkpoints=2,
)
LEVELS = (Level(name="rich", worth_usd=0.1), Level(name="poor", worth_usd=0.0005))


def table_of(questions=500, *, letters=True, scramble=None) -> OutcomeTable:
    """A table drawn from a fixed seed.

    Args:
        questions: how many questions.
        letters: answers are letters (choice questions) or numbers (math); all else stays the same.
        scramble: a split whose outcomes are all wrong.
    """
    rng = np.random.default_rng(0)
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in PRICES.items()]
    asked, outcomes = [], []
    for number in range(questions):
        category, gold = int(rng.integers(2)), int(rng.integers(4))
        key = f"q{number}"

        def shown(place):
            return LETTERS[place] if letters else str(1000 + 7 * place)

        asked.append(
            Question(
                id=key,
                question=f"Question {number}?",
                answer=shown(gold),
                metric="choice" if letters else "math",
                category="ab"[category],
                choices=("w", "x", "y", "z") if letters else None,
            )
        )
        for name, skill in SKILLS.items():
            right, other = rng.random() < skill[category], int(rng.integers(1, 4))
            if scramble is not None and split_of(key) is scramble:
                right = False
            answer = gold if right else (gold + other) % 4
            tokens = {"input_tokens": 60, "output_tokens": int(rng.integers(30, 50))}
            outcomes.append(
                Outcome(
                    id=key,
                    model=name,
                    text="...",
                    answer=shown(answer),
                    score=float(right),
                    **tokens,
                )
            )
    return OutcomeTable(cards, asked, outcomes)


def world_of(table, **settings) -> RecordedWorld:
    fields = {"view": "answer", "levels": LEVELS} | settings
    return RecordedWorld(table, RecordedWorldConfig(table="drawn", **fields))


@pytest.fixture(scope="module")
def planner() -> Planner:
    return Planner.fit(TableSplits.of(world_of(table_of())), seed=0, settings=QUICK)


@pytest.fixture(scope="module")
def decisions(planner):
    """Level name -> decisions on the test split."""
    questions = planner.splits.test.questions
    return {level.name: planner.plan(questions, level) for level in LEVELS}


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def test_at_a_low_value_it_asks_one_cheap_candidate(decisions) -> None:
    poor = decisions["poor"]
    assert mean(d.calls == ("cheap",) for d in poor if d.question.category == "a") > 0.9
    assert mean("expensive" in d.calls for d in poor) < 0.1


def test_at_a_high_value_it_asks_the_expensive_candidate_where_that_helps(
    decisions,
) -> None:
    rich = decisions["rich"]
    share = {
        c: mean("expensive" in d.calls for d in rich if d.question.category == c) for c in "ab"
    }
    assert share["b"] > 0.9
    assert mean(d.value for d in rich) > mean(d.value for d in decisions["poor"]) + 0.05
    assert mean(d.cost_usd for d in rich) > 3 * mean(d.cost_usd for d in decisions["poor"])


def test_it_is_more_accurate_than_the_best_single_model(planner) -> None:
    test = planner.splits.test
    run = planner.run(test, "rich")
    assert run.value.mean() > test.score[:, planner.splits.best_column].mean()
    assert tuple(planner.splits.sensitivities) == ("rich", "poor")


def test_a_decision_states_calls_beliefs_leaders_and_cost(planner, decisions) -> None:
    table = planner.splits.table
    for decision in [*decisions["rich"], *decisions["poor"]]:
        outcomes = [table.outcome(decision.question.id, name) for name in decision.calls]
        assert 1 <= len(set(decision.calls)) == len(decision.calls) <= 3
        assert len(decision.beliefs) == len(decision.calls) + 1
        assert (decision.beliefs[0], decision.leaders[0]) == ((), None)
        for call, given in enumerate(decision.beliefs):
            assert [belief.answer for belief in given] == [o.answer for o in outcomes[:call]]
            chances = {b.answer: b.confidence for b in given if b.answer is not None}
            assert {b.confidence for b in given if b.answer is None} <= {0.0}
            assert all(chances.get(b.answer, 0.0) == b.confidence for b in given)
            assert all(0 <= chance <= 1 for chance in chances.values())
            assert sum(chances.values()) <= 1 + 1e-5
            assert decision.leaders[call] == max(chances, key=chances.get, default=None)
        assert decision.answer == decision.leaders[-1]
        assert decision.cost_usd == pytest.approx(sum(map(table.cost_usd, outcomes)))
        assert decision.value == float(decision.answer == decision.question.answer)


def test_a_repeated_call_gives_no_answer_costs_nothing_and_counts_as_a_call(planner) -> None:
    questions = planner.splits.test.questions
    once = planner.plan(questions, LEVELS[0], begin=[("cheap",)] * len(questions))
    again = planner.plan(questions, LEVELS[0], begin=[("cheap", "cheap")] * len(questions))
    assert any(len(d.calls) == QUICK.max_calls for d in again)
    for before, after in zip(once, again, strict=True):
        assert after.prescribed == 2
        assert len(after.calls) <= QUICK.max_calls
        outcomes = [planner.splits.table.outcome(after.question.id, n) for n in set(after.calls)]
        assert after.cost_usd == pytest.approx(sum(map(planner.splits.table.cost_usd, outcomes)))
        first, second = after.beliefs[2]
        assert (first, second.answer) == (before.beliefs[1][0], None)
        assert after.leaders[2] == before.leaders[1]
        if len(after.calls) < QUICK.max_calls:
            assert after.calls[1:] == before.calls
            assert after.answer == before.answer


def test_a_run_has_the_values_costs_and_calls_of_its_decisions(planner, decisions) -> None:
    for name, made in decisions.items():
        run = planner.run(planner.splits.test, name)
        assert run.value.tolist() == [d.value for d in made]
        assert run.cost.tolist() == pytest.approx([d.cost_usd for d in made])
        assert run.calls.tolist() == [len(d.calls) for d in made]


def test_permuted_letters_change_the_answer_and_nothing_else(planner, decisions) -> None:
    world = world_of(table_of())
    moved = [world.permuted(q, 3) for q in world.questions(Split.TEST)]
    for before, after in zip(decisions["rich"], planner.plan(moved, LEVELS[0]), strict=True):
        assert (after.calls, after.value) == (before.calls, before.value)
        shape = [
            [[b.confidence for b in given] for given in decision.beliefs]
            for decision in (before, after)
        ]
        assert shape[0] == shape[1]
        assert after.value == float(after.answer == after.question.answer)


def test_numbers_are_planned_for_as_letters_are(planner) -> None:
    """The planner sees which candidates agree, never what they answer."""
    numbers = world_of(table_of(letters=False))
    other = Planner.fit(TableSplits.of(numbers), seed=0, settings=QUICK)
    assert np.array_equal(planner.splits.test.answer, other.splits.test.answer)
    questions = numbers.questions(Split.TEST)
    for decision in other.plan(questions, LEVELS[0]):
        assert decision.value == float(decision.answer == decision.question.answer)
    # The two differ in one feature of a question: options `full` for letters, `open` for numbers.
    runs = [p.run(p.splits.test, "rich") for p in (planner, other)]
    assert runs[1].value.mean() == pytest.approx(runs[0].value.mean(), abs=0.05)


def test_fitting_never_uses_test_questions(planner, decisions) -> None:
    scrambled = Planner.fit(
        TableSplits.of(world_of(table_of(scramble=Split.TEST))), seed=0, settings=QUICK
    )
    assert scrambled.history == planner.history
    questions = planner.splits.validation.questions
    assert scrambled.plan(questions, LEVELS[0]) == planner.plan(questions, LEVELS[0])
    assert all(d.value == 0 for d in scrambled.plan(scrambled.splits.test.questions, LEVELS[0]))


def test_a_loaded_planner_decides_the_same(planner, decisions, tmp_path) -> None:
    planner.save(tmp_path / "a" / "planner.pt")
    loaded = Planner.load(tmp_path / "a" / "planner.pt", planner.splits)
    assert loaded.plan(planner.splits.test.questions, LEVELS[0]) == decisions["rich"]
    assert loaded.history == planner.history


def test_a_file_without_a_planner_for_this_table_is_an_error(planner, tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Planner.load(tmp_path / "none.pt", planner.splits)
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(DataError, match="is not a planner"):
        Planner.load(tmp_path / "text.pt", planner.splits)
    torch.save({"version": 99}, tmp_path / "new.pt")
    with pytest.raises(DataError, match="of this version"):
        Planner.load(tmp_path / "new.pt", planner.splits)
    planner.save(tmp_path / "planner.pt")
    table = table_of()
    cards = [ModelCard(name="x", price=Price(input=1, output=1))]
    rows = [o.model_copy(update={"model": "x"}) for o in table if o.model == "expensive"]
    other = world_of(OutcomeTable(cards, table.questions, rows))
    with pytest.raises(DataError, match="fitted with other names"):
        Planner.load(tmp_path / "planner.pt", TableSplits.of(other))
    # In other splits, a question that the planner was fitted on may be a test question.
    for change in ({"test": 0.2}, {"seed": 1}):
        with pytest.raises(DataError, match="fitted with other questions"):
            Planner.load(tmp_path / "planner.pt", TableSplits.of(world_of(table_of(), **change)))
    with pytest.raises(DataError, match="fitted with other levels"):
        Planner.load(
            tmp_path / "planner.pt", TableSplits.of(world_of(table_of(), levels=LEVELS[:1]))
        )


def test_levels_must_state_the_value_of_a_right_answer(planner) -> None:
    questions = planner.splits.test.questions[:1]
    for level in (Level(name="x"), Level(name="x", worth_usd=1, budget_usd=1)):
        with pytest.raises(ConfigError, match="needs worth_usd and no budget_usd"):
            planner.plan(questions, level)
    with pytest.raises(ConfigError, match="no level states worth_usd"):
        Planner.fit(
            TableSplits.of(world_of(table_of(), levels=(Level(name="x", budget_usd=1),))),
            settings=QUICK,
        )


def test_a_candidate_without_a_recorded_answer_is_planned_around() -> None:
    table = table_of(300)
    rows = [o for o in table if o.model != "cheap" or int(o.id[1:]) % 2]
    world = world_of(OutcomeTable(table.cards, table.questions, rows))
    planner = Planner.fit(TableSplits.of(world), settings=QUICK)
    questions = world.questions(Split.TEST)
    assert mean(d.value for d in planner.plan(questions, level_named(world, "rich"))) > 0.8
    prescribed = planner.plan(
        questions, level_named(world, "rich"), begin=[("cheap",)] * len(questions)
    )
    unanswered = [d for d in prescribed if int(d.question.id[1:]) % 2 == 0]
    assert len(unanswered) > 20
    for decision in unanswered:
        assert decision.leaders[1] is None
        asked = decision.calls[1:]
        outcomes = [world.table.outcome(decision.question.id, name) for name in asked]
        assert asked and decision.cost_usd == pytest.approx(sum(map(table.cost_usd, outcomes)))


def test_two_candidates_are_enough() -> None:
    whole = table_of(150)
    cards = [whole.card("cheap"), whole.card("expensive")]
    names = {card.name for card in cards}
    outcomes = [outcome for outcome in whole if outcome.model in names]
    world = world_of(OutcomeTable(cards, whole.questions, outcomes))
    quick = PlannerConfig(posterior_steps=20, value_steps=20, hidden=8, members=1, checkpoints=1)
    planner = Planner.fit(TableSplits.of(world), seed=0, settings=quick)
    for decision in planner.plan(world.questions(Split.TEST), LEVELS[0]):
        assert decision.calls and set(decision.calls) <= names


def test_fitting_does_not_change_the_global_random_state() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quick = QUICK.model_copy(update={"posterior_steps": 2, "value_steps": 2})
    Planner.fit(TableSplits.of(world_of(table_of(100))), settings=quick)
    assert torch.equal(torch.rand(3), expected)


SHARED = Path(__file__).parents[4] / "shared" / "data" / "mmlu_pro"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared tables are not here")
def test_the_planner_can_be_fitted_on_ten_real_models() -> None:
    settings = RecordedWorldConfig(table=str(SHARED), view="answer", duplicates="first")
    world = open_recorded(settings)
    quick = PlannerConfig(posterior_steps=20, value_steps=10, batch=64)
    planner = Planner.fit(TableSplits.of(world), settings=quick)
    made = planner.plan(world.questions(Split.TEST, 200), world.levels[3])
    assert len(made) == 200
    assert mean(d.value for d in made) > 0.5
