"""The recorded world: its views, splits, levels, reference cost and output limits."""

from pathlib import Path

import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.base import Level, start
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import RecordedWorld, open_recorded


def test_a_text_policy_reads_question_options_and_candidates(colours, find) -> None:
    world = colours()
    asked = find(world, 1)
    opening = start(world, asked, world.levels[0]).opening
    assert "number 1?\n(A) red\n(B) green\n(C) blue\n(D) white" in opening[-1]["content"]
    assert "- small ($1.00 in" in opening[0]["content"]


def test_a_small_policy_reads_features_and_the_value_of_a_right_answer(colours, find) -> None:
    world = colours(view="answer", levels=(Level(name="high", worth_usd=0.01),))
    (message,) = start(world, find(world, 1), world.levels[0]).opening
    assert "worth $0.01" in message["content"]
    assert "category colours; options full; length" in message["content"]
    assert "Which colour" not in message["content"]


# --- splits


def test_the_id_of_a_question_gives_its_split(colours) -> None:
    world = colours()
    for split in Split:
        assert world.questions(split)
        assert all(split_of(q.id) is split for q in world.questions(split))
    assert sum(len(world.questions(split)) for split in Split) == 60


def test_a_limited_split_is_a_random_sample_that_the_seed_fixes(colours) -> None:
    first = colours().questions(Split.TRAIN)
    assert colours().questions(Split.TRAIN, 5) == first[:5]
    assert [q.id for q in first] != sorted((q.id for q in first), key=lambda i: int(i[1:]))
    assert colours(seed=1).questions(Split.TRAIN) != first


def test_the_same_question_in_two_splits_is_an_error_or_kept_once(
    question, outcome, world_of
) -> None:
    splits = {n: split_of(f"q{n}") for n in range(1, 60)}
    twin = next(n for n in splits if splits[n] is not splits[1])
    questions = [question(n) for n in range(60)]
    questions[twin] = question(twin, question=question(1).question)
    rows = [outcome(n, "large") for n in range(60)]
    with pytest.raises(
        DataError,
        match=rf"colours: .*'q1'.*'q{twin}'.*same text.*set duplicates to 'first' .*, "
        "which keeps one of two questions$",
    ):
        world_of(questions, rows)
    kept = world_of(questions, rows, duplicates="first")
    ids = {q.id for split in Split for q in kept.questions(split)}
    assert ids == {f"q{n}" for n in range(60)} - {f"q{twin}"}


def test_an_unknown_metric_is_an_error_with_its_own_remedy(question, outcome, world_of) -> None:
    questions = [question(n, metric="recorded") for n in range(60)]
    rows = [outcome(n, "large") for n in range(60)]
    with pytest.raises(DataError, match=r"colours: .*'recorded'.*set graded to false") as refused:
        world_of(questions, rows)
    assert "duplicates" not in str(refused.value)
    assert world_of(questions, rows, graded=False)


def test_questions_with_the_same_text_and_different_options_are_different(
    question, outcome, world_of
) -> None:
    questions = [question(n, question="Which?", choices=(str(n), "b", "c")) for n in range(60)]
    assert world_of(questions, [outcome(n, "large") for n in range(60)])


def test_too_few_questions_for_three_splits_are_an_error(question, outcome, world_of) -> None:
    with pytest.raises(ConfigError, match="no question falls into the"):
        world_of([question(1)], [outcome(1, "large")])


# --- levels and costs


def test_the_default_levels_come_from_the_best_single_models_cost(colours) -> None:
    world = colours()
    assert world.best_single == "large"
    assert world.reference_usd == pytest.approx(0.0005)
    assert [(level.name, level.worth_usd) for level in world.levels][:3] == [
        ("0.01", 0.05),
        ("0.03", 0.017),
        ("0.06", 0.0083),
    ]


@pytest.mark.parametrize(("other", "reference"), [(0.0, 1.0), (2.0, 0.0002)])
def test_if_the_best_model_is_free_the_most_expensive_one_is_the_reference(
    other: float, reference: float, question, outcome
) -> None:
    cards = [
        ModelCard(name="a", price=Price(input=0, output=0)),
        ModelCard(name="b", price=Price(input=other, output=other)),
    ]
    questions = [question(n) for n in range(60)]
    outcomes = [outcome(n, "a", score=1.0) for n in range(60)]
    outcomes += [outcome(n, "b", score=0.0, input_tokens=100, output_tokens=0) for n in range(60)]
    world = RecordedWorld(OutcomeTable(cards, questions, outcomes), RecordedWorldConfig(table="x"))
    assert world.best_single == "a"
    assert world.reference_usd == pytest.approx(reference)
    assert len(world.levels) == 7


def test_a_quote_covers_the_longest_recorded_answer(question, outcome, world_of) -> None:
    rows = [outcome(n, "large", output_tokens=3000) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    assert {card.name: card.max_output_tokens for card in world.cards} == {
        "small": 1024,
        "large": 3000,
    }


# --- a real table

MMLU_PRO = Path(__file__).parents[5] / "shared" / "data" / "mmlu_pro"


@pytest.mark.skipif(not MMLU_PRO.is_dir(), reason="the shared tables are not here")
def test_the_table_of_ten_models_is_a_world() -> None:
    with pytest.raises(DataError, match=r"'893'.*'894'"):
        open_recorded(RecordedWorldConfig(table=str(MMLU_PRO)))
    settings = RecordedWorldConfig(table=str(MMLU_PRO), view="answer", duplicates="first")
    world = open_recorded(settings)
    assert world.best_single == "gemini-1.5-pro-002"
    assert len(world.questions(Split.TEST)) > 1500
    assert len(world.levels) == 7
