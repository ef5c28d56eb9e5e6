"""Figures of a row: significance, regret, arena score, seeds, and the comparison with the look-up by category."""

from dataclasses import replace

import numpy as np
import pytest

from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.category_lookup import BEST_PER_CATEGORY_BY_PRICE
from router_r1_eval.tournament.entrants import Entrant, single_model


def test_an_expectation_has_no_mcnemar_test(
    world_of, halves, with_outcomes, hold, lines_of, rows_of
) -> None:
    world = world_of(halves, size=400)
    rows = rows_of(world)
    assert rows["random"]["mcnemar"] is None
    # By hand: `a` and `c` are both right on even questions; on odd ones only `c`, if the number is no multiple of five.
    odd = [int(q.id[1:]) for q in world.questions(Split.TEST) if int(q.id[1:]) % 2]
    only = sum(n % 10 != 5 for n in odd)
    assert rows["a"]["mcnemar"] == {
        "only_ours": 0,
        "only_theirs": only,
        "p": pytest.approx(2 * 0.5**only),
    }
    assert lines_of(hold(world))
    rows = rows_of(with_outcomes(world, lambda o: {"score": 0.75 * o.score}))
    assert rows["a"]["mcnemar"]["only_theirs"] == only  # scores of 0.5 and more count as right


def test_regret_is_against_the_best_model_of_the_category(world_of, rows_of) -> None:
    """`c` is the best model overall, but is wrong on every third even question, all of which `a` answers right."""
    world = world_of(
        lambda n: ("odd", "B", "C", "A") if n % 2 else ("even", "A", "C", "A" if n % 3 else "B"),
        size=400,
    )
    rows = rows_of(world)
    even = [int(q.id[1:]) for q in world.questions(Split.TEST) if int(q.id[1:]) % 2 == 0]
    assert rows["best single"]["accuracy"] == rows["c"]["accuracy"]
    assert rows["c"]["regret"] == {
        "odd": 0,
        "even": pytest.approx(np.mean([n % 3 == 0 for n in even])),
    }
    assert rows["a"]["regret"] == {"odd": 1, "even": 0}


def test_regret_arena_score_and_mcnemar_of_the_baselines(world_of, halves, rows_of) -> None:
    """`c` is the best single model; in one of two categories `a` is as good at a tenth of its cost."""
    rows = rows_of(world_of(halves, size=400))
    best, lookup = rows["best single"], rows[BEST_PER_CATEGORY_BY_PRICE]
    assert best["mcnemar"]["p"] == 1
    assert best["regret"] == {"even": 0, "odd": 0}
    assert rows["cheapest"]["regret"]["even"] == 0
    odd = pytest.approx(rows["c"]["accuracy"] * 2 - 1, abs=0.1)
    assert rows["cheapest"]["regret"]["odd"] == odd
    assert 0 < best["arena_score"] < lookup["arena_score"] < 1


def test_the_seed_draws_the_intervals_of_every_row(world_of, halves, measured) -> None:
    world = world_of(halves, size=200)

    def run(arrays: TableArrays, setting: str):
        fine = np.array([int(q.id[1:]) * 0.618 % 1 for q in arrays.questions])
        return replace(single_model(arrays, 0), value=fine ** float(setting), cost=fine)

    entrant = Entrant("fine", "baseline", ("1", "2"), run)
    one, same, other = (measured(world, [entrant], seed=seed)["rows"][0] for seed in (1, 1, 2))
    for found, again, elsewhere in zip(
        *([*r["curve"], r] for r in (one, same, other)), strict=True
    ):
        for name in ("ci95", "cost_ci95"):
            assert found[name] == again[name] != elsewhere[name]
        assert found["vs_best_single"]["ci95"] != elsewhere["vs_best_single"]["ci95"]


def test_the_smallest_visible_difference_grows_with_disagreement(world_of, halves, rows_of) -> None:
    rows = rows_of(world_of(halves, size=400))
    assert rows["b"]["smallest_difference"] > rows["a"]["smallest_difference"]
    assert 0 < rows["best single"]["smallest_difference"] < 0.1  # never less than six questions


def test_under_a_cap_a_router_is_compared_with_the_lookup_under_the_same_cap(
    world_of, halves, hold, lines_of, rows_of
) -> None:
    world = world_of(halves, size=400)
    rows = rows_of(world)
    arrays = TableSplits.of(world).test
    lookup = rows[BEST_PER_CATEGORY_BY_PRICE]["within"]["its cost"]
    assert lookup["vs_best_per_category"] == {"accuracy_diff": 0, "ci95": [0, 0]}
    # The look-up asks `a` about even questions, on which it makes no mistake, and `c` about the others.
    even = np.array([int(q.id[1:]) % 2 == 0 for q in arrays.questions])
    right = np.where(even, 1.0, arrays.score[:, 2])
    assert lookup["accuracy"] == pytest.approx(right.mean())
    cheap = rows["cheapest"]["within"]["its cost"]
    expected = arrays.score[:, 0].mean() - right.mean()
    assert cheap["vs_best_per_category"]["accuracy_diff"] == pytest.approx(expected)
    low, high = cheap["vs_best_per_category"]["ci95"]
    assert low < expected < high < 0
    text = "\n".join(lines_of(hold(world, one_shot=["label"])))
    assert "points against best per category, by price" in text
