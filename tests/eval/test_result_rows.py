"""The rows of results.json: what is measured of a run."""

import json

import numpy as np
import pytest

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval.results import Point, Row, Versus

POINT_KEYS = {"accuracy", "cost_usd", "calls", "ci95", "cost_ci95", "vs_best_single"}


def run(values: list[float], cost: float = 0.001, calls: float = 1.0) -> RouterRun:
    scores = np.array(values, dtype=float)
    return RouterRun(scores, np.full(len(scores), cost), np.full(len(scores), calls))


BASELINE = run([1, 0, 1, 0] * 50, cost=0.004)


def test_a_point_has_the_means_and_their_intervals() -> None:
    found = Point.of_run(run([1, 1, 1, 0] * 50, cost=0.001, calls=2), BASELINE)
    assert (found.accuracy, found.cost_usd, found.calls) == (0.75, pytest.approx(0.001), 2)
    assert found.ci95 is not None and found.vs_best_single is not None
    low, high = found.ci95
    assert 0.65 < low < 0.75 < high < 0.85
    versus = found.vs_best_single
    assert versus.accuracy_diff == 0.25 and versus.cost_ratio == pytest.approx(0.25)
    assert 0 < versus.ci95[0] < 0.25 < versus.ci95[1]


def test_dollars_have_an_interval_of_their_own() -> None:
    """Every second question costs 3 and the others 1: a mean of 200 lies within 1.96 / sqrt(200) of 2."""
    found = Point.of_run(
        RouterRun(np.ones(200), np.array([1.0, 3.0] * 100), np.ones(200)), BASELINE
    ).to_json()
    assert found["ci95"] == [1, 1]
    assert found["cost_ci95"] == pytest.approx([2 - 1.96 / 200**0.5, 2 + 1.96 / 200**0.5], abs=0.03)
    assert Point.of_run(BASELINE).to_json()["cost_ci95"] == pytest.approx([0.004, 0.004])


def test_the_comparison_is_paired() -> None:
    # Equal on every question: no resampling can tell the two apart, though each mean is uncertain.
    versus = Point.of_run(BASELINE, BASELINE).vs_best_single
    assert versus == Versus(accuracy_diff=0, ci95=(0, 0), cost_ratio=1)


def test_a_free_baseline_has_no_cost_ratio() -> None:
    found = Point.of_run(BASELINE, run([1] * 200, cost=0)).to_json()
    assert found["vs_best_single"]["cost_ratio"] is None


def test_without_a_baseline_there_is_no_comparison() -> None:
    assert set(Point.of_run(BASELINE).to_json()) == POINT_KEYS - {"vs_best_single"}


def test_intervals_depend_only_on_the_seed() -> None:
    first, again, other = (Point.of_run(BASELINE, BASELINE, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_row_has_the_figures_of_its_main_setting_and_all_settings_as_a_curve() -> None:
    cheap, expensive = run([1, 0] * 100, 0.001), run([1, 1] * 100, 0.009)
    row = Row.of_runs("ours", "agent", {"low": cheap, "high": expensive}, "high", BASELINE)
    entry = row.to_json()
    assert set(entry) == {"name", "kind", "curve", "setting"} | POINT_KEYS
    assert list(entry)[:4] == ["name", "kind", "setting", "accuracy"]
    assert (entry["name"], entry["kind"], entry["setting"]) == ("ours", "agent", "high")
    assert entry["accuracy"] == 1 and entry["cost_usd"] == pytest.approx(0.009)
    assert [(p["setting"], p["accuracy"]) for p in entry["curve"]] == [("low", 0.5), ("high", 1)]
    assert json.loads(json.dumps(entry)) == entry


def test_a_row_with_one_setting_has_no_curve() -> None:
    row = Row.of_runs("x", "baseline", {"only": BASELINE}, "only", BASELINE)
    assert row.to_json()["curve"] == [] and row.points == (row,)


def test_runs_on_different_questions_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same questions"):
        Point.of_run(run([1, 0]), BASELINE)
