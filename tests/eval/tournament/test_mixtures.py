"""Mixtures of settings: hull and range of costs by hand, and the choice of settings on validation questions."""

from dataclasses import replace

import numpy as np
import pytest

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.entrants import Entrant, single_model
from router_r1_eval.tournament.mixtures import mixed_under_cap


def by_name(results):
    return {row["name"]: row for row in results["rows"]}


def test_routerbenchs_aiq_extends_to_the_highest_cost_of_any_row(
    world_of, halves, measured
) -> None:
    """A call of `a` costs 1 and one of `c` 10 (in $0.0001); asking `c` twice is as accurate and costs 20."""
    world = world_of(halves, size=400)

    def twice(arrays: TableArrays, _: str):
        return replace(single_model(arrays, 2), cost=2 * single_model(arrays, 2).cost)

    results = measured(
        world,
        [
            Entrant("twice", "baseline", ("",), twice),
            *(e for e in baselines(TableSplits.of(world)) if "mixture of agents" not in e.name),
        ],
    )
    rows = by_name(results)
    low, high = rows["a"]["accuracy"], rows["c"]["accuracy"]
    area = 9 * (low + high) / 2 + 10 * high
    assert results["zero_router"]["in_hindsight"]["aiq_routerbench"] == pytest.approx(area / 20)
    assert rows["c"]["hull"]["in_hindsight"]["aiq_routerbench"] == pytest.approx(high / 2)
    assert rows["twice"]["hull"]["in_hindsight"]["aiq_routerbench"] == 0


def test_the_hull_of_a_row_states_costs_range_and_area(world_of, halves, measured) -> None:
    """`c` is the best single model; in one of two categories `a` is as good at a tenth of its cost."""
    world = world_of(halves, size=400)
    results = measured(world, baselines(TableSplits.of(world)))
    rows = by_name(results)
    best, lookup = rows["best single"], rows["best per category, by price"]
    assert best["hull"]["cost_ratio_at_100"] == pytest.approx(1)
    assert best["hull"]["cost_ratio_at_95"] == pytest.approx(0.95)
    assert lookup["hull"]["cost_ratio_at_100"] == pytest.approx(0.55, abs=0.1)
    low, high = lookup["hull"]["range_usd"]
    assert (low, high) == (rows["a"]["cost_usd"], rows["c"]["cost_usd"])
    assert lookup["hull"]["aiq"] > results["zero_router"]["aiq"] > best["hull"]["aiq"]


def test_validation_chooses_which_settings_are_mixed(world_of, halves, measured) -> None:
    """`lucky` is right on all test questions and wrong on all others; `steady` is `a` on both."""
    world = world_of(halves, size=400)
    test = TableSplits.of(world).test

    def run(arrays: TableArrays, setting: str):
        cheap = single_model(arrays, 0)
        if setting == "steady":
            return cheap
        right = float(arrays.questions == test.questions)
        return replace(cheap, value=np.full(len(arrays), right), cost=2 * cheap.cost)

    results = measured(world, [Entrant("ours", "router", ("steady", "lucky"), run)])
    (ours,) = results["rows"]
    assert ours["hull"]["corners"] == ["steady"]
    assert ours["hull"]["accuracy_at"]["100%"] == pytest.approx(ours["accuracy"])
    assert ours["hull"]["aiq"] == pytest.approx(ours["accuracy"])
    assert ours["hull"]["in_hindsight"]["aiq"] > 0.9 > ours["hull"]["aiq"]
    assert ours["hull"]["cost_ratio_at_100"] is None
    assert results["settings"]["corners"] == "validation"
    assert results["zero_router"]["corners"] == ["a", "c"]


def test_a_mixture_interpolates_accuracy_between_its_corners(world_of, halves, measured) -> None:
    """`a` costs a tenth of `c`, the best single model: at a quarter of its cost, `c` gets a sixth of the questions."""
    world = world_of(halves, size=400)
    results = measured(world, baselines(TableSplits.of(world)))
    rows = by_name(results)
    low, high = rows["a"]["accuracy"], rows["c"]["accuracy"]
    found = results["zero_router"]["accuracy_at"]
    assert found["25%"] == pytest.approx(low + (high - low) / 6)
    assert found["50%"] == pytest.approx(low + (high - low) * 4 / 9)
    assert found["100%"] == pytest.approx(high)
    assert rows["c"]["hull"]["accuracy_at"]["50%"] == pytest.approx(high / 2)  # half unanswered


def run_of(score, cost) -> RouterRun:
    """Two questions, one call each."""
    return RouterRun(np.array([score, score]), np.array([cost, cost]), np.ones(2))


@pytest.mark.parametrize(
    ("cap", "score", "cost"),
    [(0.5, None, None), (1.0, 0.2, 1.5), (2.0, 0.45, 2.25), (3.0, 0.7, 3.0), (9.0, 0.7, 3.0)],
)
def test_a_mixture_under_a_cap_is_chosen_on_validation_and_measured_on_test(
    cap, score, cost
) -> None:
    """On validation, `strong` costs 3; `bad` lies below the line between the others and is never mixed in."""
    validation = {"strong": run_of(0.8, 3.0), "bad": run_of(0.4, 2.0), "cheap": run_of(0.4, 1.0)}
    test = {"strong": run_of(0.7, 3.0), "bad": run_of(0.9, 0.1), "cheap": run_of(0.2, 1.5)}
    found = mixed_under_cap(validation, test, cap)
    if score is None:
        assert found is None
    else:
        assert found.value.tolist() == pytest.approx([score, score])
        assert found.cost.tolist() == pytest.approx([cost, cost])
