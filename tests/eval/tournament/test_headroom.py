"""Headroom of a table: the oracle, and the oracle without lucky guesses or the luck of a single draw."""

import numpy as np
import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.tournament.baselines import baselines


@pytest.fixture
def headroom_of(measured):
    """World -> the headroom in the results of its baselines."""
    return lambda world: measured(world, baselines(TableSplits.of(world)))["headroom"]


def test_headroom_is_stated_with_and_without_luck(world_of, halves, headroom_of) -> None:
    head = headroom_of(world_of(halves, size=400))
    assert head["oracle"] == head["best_single"] == pytest.approx(0.9, abs=0.05)
    # No other model is right where `c` is wrong, and without lucky guesses the oracle asks `c` where no model is right.
    assert head["oracle_less_chance"] == pytest.approx(head["best_single"])
    assert set(head["ties"]) == {"a tie", "one best model", "nobody"}
    assert sum(head["ties"].values()) == pytest.approx(1)
    assert head["ties"]["nobody"] == pytest.approx(1 - head["oracle"])
    assert 0 < head["smallest_difference"] < 0.3


def test_a_question_with_one_option_has_no_lucky_guesses(world_of, halves, headroom_of) -> None:
    world = world_of(halves)
    table = world.table
    single_option = [q.model_copy(update={"choices": ("x",)}) for q in table.questions[:40]]
    some = OutcomeTable(
        table.cards, [*single_option, *table.questions[40:]], list(table), source="some"
    )
    head = headroom_of(RecordedWorld(some, world.settings))
    assert head["best_single"] <= head["oracle_less_chance"] <= head["oracle"]


def test_the_cross_fitted_oracle_is_free_of_the_luck_of_one_draw(
    sampled_world, hold, lines_of
) -> None:
    """Both models guess: being right in one sample makes a model no more likely to be right in another."""
    rng = np.random.default_rng(0)
    drawn = rng.random((600, 2, 4)) < 0.5

    def guess(number):
        return {
            name: ["A" if right else "B" for right in drawn[number, j]]
            for j, name in enumerate(("small", "large"))
        }

    results = hold(sampled_world(guess, size=600))
    found = results["headroom"]["oracle_cross_fitted"]
    assert found["samples"] == 4
    assert found["questions"] == results["questions"]
    assert found["oracle"] == results["headroom"]["oracle"] == pytest.approx(0.75, abs=0.07)
    assert found["accuracy"] == pytest.approx(0.5, abs=0.07)
    assert any("4 samples of every model" in line for line in lines_of(results))
