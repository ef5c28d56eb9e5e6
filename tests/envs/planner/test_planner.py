"""The planner: what it learns on a small table of known structure, its decisions, its file, and what it may not see."""

import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
skops = pytest.importorskip("skops.io")

from router_r1.data.outcome_table import Outcome, OutcomeTable  # noqa: E402
from router_r1.data.questions import Question  # noqa: E402
from router_r1.data.splits import Split, split_of  # noqa: E402
from router_r1.errors import ConfigError, DataError  # noqa: E402
from router_r1.model_cards import ModelCard  # noqa: E402
from router_r1.token_prices import Price  # noqa: E402
from router_r1_envs.planner.config import PlannerConfig  # noqa: E402
from router_r1_envs.planner.planner import Planner  # noqa: E402
from router_r1_envs.planner.planner_file import load_planner, save_planner  # noqa: E402
from router_r1_envs.worlds.base import Level, level_named  # noqa: E402
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig  # noqa: E402
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits  # noqa: E402
from router_r1_envs.worlds.recorded_world.world import RecordedWorld, open_recorded  # noqa: E402

LETTERS = "ABCD"
# How often each is right in the two categories. `twin` fails independently of `cheap`, so agreement is informative.
SKILLS = {"cheap": (0.95, 0.5), "twin": (0.5, 0.5), "expensive": (0.9, 0.9)}
PRICES = {"cheap": 1.0, "twin": 1.0, "expensive": 10.0}
QUICK = PlannerConfig(max_calls=3, folds=3, states=2, trees=20)
LEVELS = (Level(name="rich", worth_usd=0.1), Level(name="poor", worth_usd=0.0005))


def table_of(
    questions=500, *, letters=True, scramble=None, samples=1, skills=SKILLS
) -> OutcomeTable:
    """A table drawn from a fixed seed.

    Args:
        questions: how many questions.
        letters: answers are letters (choice questions) or numbers (math); all else stays the same.
        scramble: a split whose outcomes are all wrong.
        samples: responses of each candidate, independent of each other.
        skills: how often each candidate is right in the two categories.
    """
    rng = np.random.default_rng(0)
    prices = {name: PRICES.get(name, 1.0) for name in skills}
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in prices.items()]
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
        for (name, skill), sample in itertools.product(skills.items(), range(samples)):
            right, other = rng.random() < skill[category], int(rng.integers(1, 4))
            if scramble is not None and split_of(key) is scramble:
                right = False
            answer = gold if right else (gold + other) % 4
            tokens = {"input_tokens": 60, "output_tokens": int(rng.integers(30, 50))}
            outcomes.append(
                Outcome(
                    id=key,
                    model=name,
                    sample=sample,
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
            answers = [outcome.answer for outcome in outcomes[:call]]
            believed = list(zip(answers, given, strict=True))
            chances = {answer: belief for answer, belief in believed if answer is not None}
            assert {belief for answer, belief in believed if answer is None} <= {0.0}
            assert all(chances.get(answer, 0.0) == belief for answer, belief in believed)
            assert all(0 <= chance <= 1 for chance in chances.values())
            assert sum(chances.values()) <= 1 + 1e-5
            leader = decision.leaders[call]
            if leader is None:
                assert not chances
            else:
                assert answers[leader] == max(chances, key=chances.get)
        assert list(decision.outcomes) == outcomes
        last = decision.leaders[-1]
        assert decision.final == (None if last is None else outcomes[last])
        assert decision.cost_usd == pytest.approx(sum(map(table.cost_usd, outcomes)))
        assert decision.value == (outcomes[0] if last is None else outcomes[last]).score


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
        assert after.beliefs[2] == (*before.beliefs[1], 0.0)
        assert after.outcomes[1] is None
        assert after.leaders[2] == before.leaders[1]
        if len(after.calls) < QUICK.max_calls:
            assert after.calls[1:] == before.calls
            assert after.final == before.final


def test_a_run_has_the_values_costs_and_calls_of_its_decisions(planner, decisions) -> None:
    for name, made in decisions.items():
        run = planner.run(planner.splits.test, name)
        assert run.value.tolist() == [d.value for d in made]
        assert run.cost.tolist() == pytest.approx([d.cost_usd for d in made])
        assert run.calls.tolist() == [len(d.calls) for d in made]


def test_numbers_are_planned_for_as_letters_are(planner) -> None:
    """The planner sees which candidates agree, never what they answer."""
    numbers = world_of(table_of(letters=False))
    other = Planner.fit(TableSplits.of(numbers), seed=0, settings=QUICK)
    assert np.array_equal(planner.splits.test.answer, other.splits.test.answer)
    questions = numbers.questions(Split.TEST)
    for decision in other.plan(questions, LEVELS[0]):
        assert decision.value == float(decision.final.answer == decision.question.answer)
    # The two differ in one feature of a question: options `full` for letters, `open` for numbers.
    runs = [p.run(p.splits.test, "rich") for p in (planner, other)]
    assert runs[1].value.mean() == pytest.approx(runs[0].value.mean(), abs=0.05)


def test_fitting_never_uses_test_questions(planner, decisions) -> None:
    scrambled = Planner.fit(
        TableSplits.of(world_of(table_of(scramble=Split.TEST))), seed=0, settings=QUICK
    )
    assert [str(c) for c in scrambled.choices.values()] == [
        str(c) for c in planner.choices.values()
    ]
    questions = planner.splits.validation.questions
    assert scrambled.plan(questions, LEVELS[0]) == planner.plan(questions, LEVELS[0])
    assert all(d.value == 0 for d in scrambled.plan(scrambled.splits.test.questions, LEVELS[0]))


def test_a_loaded_planner_decides_the_same(planner, decisions, tmp_path) -> None:
    save_planner(planner, tmp_path / "a" / "planner.skops")
    loaded = load_planner(tmp_path / "a" / "planner.skops", planner.splits)
    assert loaded.plan(planner.splits.test.questions, LEVELS[0]) == decisions["rich"]
    assert loaded.settings == planner.settings and loaded.seed == planner.seed


def test_a_file_without_a_planner_for_this_table_is_an_error(planner, tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_planner(tmp_path / "none.skops", planner.splits)
    (tmp_path / "text.skops").write_text("hello")
    with pytest.raises(DataError, match="is not a planner"):
        load_planner(tmp_path / "text.skops", planner.splits)
    skops.dump({"version": 99}, tmp_path / "new.skops")
    with pytest.raises(DataError, match="of this version"):
        load_planner(tmp_path / "new.skops", planner.splits)
    save_planner(planner, tmp_path / "planner.skops")
    table = table_of()
    cards = [ModelCard(name="x", price=Price(input=1, output=1))]
    rows = [o.model_copy(update={"model": "x"}) for o in table if o.model == "expensive"]
    other = world_of(OutcomeTable(cards, table.questions, rows))
    with pytest.raises(DataError, match="fitted with other names"):
        load_planner(tmp_path / "planner.skops", TableSplits.of(other))
    # In other splits, a question that the planner was fitted on may be a test question.
    for change in ({"test": 0.2}, {"seed": 1}):
        with pytest.raises(DataError, match="fitted with other questions"):
            load_planner(tmp_path / "planner.skops", TableSplits.of(world_of(table_of(), **change)))


def test_a_planner_of_a_file_plans_for_levels_that_it_was_not_fitted_with(
    planner, tmp_path
) -> None:
    save_planner(planner, tmp_path / "planner.skops")
    between = Level(name="between", worth_usd=0.01)
    other = TableSplits.of(world_of(table_of(), levels=(between,)))
    loaded = load_planner(tmp_path / "planner.skops", other)
    fresh = Planner.fit(other, seed=0, settings=QUICK)
    assert loaded.run(other.test, "between").cost.tolist() == (
        fresh.run(other.test, "between").cost.tolist()
    )


def test_when_two_candidates_swap_prices_it_asks_as_if_fitted_at_the_new_ones(
    planner, tmp_path
) -> None:
    save_planner(planner, tmp_path / "planner.skops")
    table = table_of()
    swapped = {"cheap": table.card("expensive").price, "expensive": table.card("cheap").price}
    world = world_of(table.with_prices(swapped))
    splits = TableSplits.of(world)
    questions = world.questions(Split.TEST)
    loaded = load_planner(tmp_path / "planner.skops", splits)
    fresh = Planner.fit(splits, seed=0, settings=QUICK)
    for level in LEVELS:
        made = loaded.plan(questions, level)
        assert made == fresh.plan(questions, level)
    asked = {d.calls for d in loaded.plan(questions, LEVELS[1])}
    assert all("cheap" not in calls for calls in asked), "it is the expensive one now"
    before = {d.calls[0] for d in planner.plan(questions, LEVELS[1])}
    assert "expensive" not in before


def test_without_categories_it_learns_from_the_texts_which_questions_are_alike() -> None:
    """`cheap` is good at one kind of question, and only the texts tell the kinds apart."""
    texts = {"a": "What is {} plus {}?", "b": "Who wrote poem {} of book {}?"}
    table = table_of()
    asked = [
        q.model_copy(
            update={"category": None, "question": texts[q.category].format(*range(n, n + 2))}
        )
        for n, q in enumerate(table.questions)
    ]
    world = world_of(OutcomeTable(table.cards, asked, table))
    planner = Planner.fit(TableSplits.of(world), seed=0, settings=QUICK)
    first = {"a": set(), "b": set()}
    for decision in planner.plan(world.questions(Split.TEST), LEVELS[0]):
        first[table.question(decision.question.id).category].add(decision.calls[0])
    assert first["a"] == {"cheap"}
    assert first["b"] == {"expensive"}


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
    quick = QUICK.model_copy(update={"max_calls": 5})
    planner = Planner.fit(TableSplits.of(world), seed=0, settings=quick)
    for decision in planner.plan(world.questions(Split.TEST), LEVELS[0]):
        assert decision.calls and set(decision.calls) <= names


def test_further_samples_of_a_candidate_are_calls_like_any_other() -> None:
    """`solo` is right in two of three samples and has no equal: asking it again is all that helps."""
    skills = {"solo": (0.66, 0.66), "weak": (0.3, 0.3)}
    world = world_of(table_of(800, samples=3, skills=skills))
    planner = Planner.fit(TableSplits.of(world), settings=QUICK)
    made = planner.plan(world.questions(Split.TEST), LEVELS[0])
    again = [d for d in made if d.calls.count("solo") > 1]
    assert len(again) > len(made) / 10
    for decision in again:
        samples = [n for n, name in enumerate(decision.calls) if name == "solo"]
        recorded = [
            world.table.outcome(decision.question.id, "solo", k) for k in range(len(samples))
        ]
        assert [decision.outcomes[n] for n in samples] == recorded
    single = mean(world.table.outcome(d.question.id, "solo").score for d in made)
    assert mean(d.value for d in made) > single


def test_where_further_calls_gain_nothing_it_is_the_look_up_table() -> None:
    """Every candidate is right on the same questions of a category, so a second opinion is worth nothing."""
    world = world_of(table_of(300, skills={"cheap": (1.0, 0.0), "expensive": (1.0, 0.0)}))
    planner = Planner.fit(TableSplits.of(world), settings=QUICK)
    assert not any(choice.planned for choice in planner.choices.values())
    assert all("would add" in str(choice) for choice in planner.choices.values())
    for level in LEVELS:
        assert {d.calls for d in planner.plan(world.questions(Split.TEST), level)} == {("cheap",)}


@pytest.mark.parametrize("answers", [True, False])
def test_one_call_of_a_candidate_scores_as_the_candidate_does(answers) -> None:
    """Also where a table has scores and no answers, and where equal answers were graded unlike."""
    table = table_of(200)
    rng = np.random.default_rng(1)
    rows = [
        o.model_copy(
            update={"score": float(rng.random() < 0.5)} | ({} if answers else {"answer": None})
        )
        for o in table
    ]
    world = world_of(OutcomeTable(table.cards, table.questions, rows))
    planner = Planner.fit(TableSplits.of(world), settings=QUICK.model_copy(update={"max_calls": 1}))
    questions = world.questions(Split.TEST)
    test = planner.splits.test
    for column, name in enumerate(planner.names):
        made = planner.plan(questions, LEVELS[0], begin=[(name,)] * len(questions))
        assert [d.value for d in made] == test.score[:, column].tolist()
        assert [d.cost_usd for d in made] == pytest.approx(test.cost[:, column].tolist())


def test_a_category_that_training_lacks_is_routed_as_all_questions_are(planner) -> None:
    questions = planner.splits.test.questions[:20]
    strange = [q.model_copy(update={"category": "unheard of"}) for q in questions]
    for level in LEVELS:
        choice = planner.choices[level.name]
        overall = planner.names[choice.first[-1]]
        assert len(choice.first) == 3  # two categories, and any other
        assert {d.calls[0] for d in planner.plan(strange, level)} == {overall}


SHARED = Path(__file__).parents[4] / "shared" / "data" / "mmlu_pro"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared tables are not here")
def test_the_planner_can_be_fitted_on_ten_real_models() -> None:
    settings = RecordedWorldConfig(table=str(SHARED), view="answer", duplicates="first")
    world = open_recorded(settings)
    quick = PlannerConfig(folds=2, states=1, trees=10)
    planner = Planner.fit(TableSplits.of(world), settings=quick)
    made = planner.plan(world.questions(Split.TEST, 200), world.levels[3])
    assert len(made) == 200
    assert mean(d.value for d in made) > 0.5
