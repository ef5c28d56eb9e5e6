"""What `results.json` says of a router: figures, intervals, the comparison with the best single model, the curve."""

import json

import numpy as np
import pytest

from router_r1_envs.worlds.recorded_world.runs import Run
from router_r1_eval.results import point, row, versions

FIGURES = {"accuracy", "cost_usd", "calls", "ci95", "cost_ci95", "vs_best_single"}
FIELDS = {"name", "kind", "curve"} | FIGURES


def run(values, cost=0.001, calls=1.0) -> Run:
    values = np.array(values, dtype=float)
    return Run(values, np.full(len(values), cost), np.full(len(values), calls))


BAR = run([1, 0, 1, 0] * 50, cost=0.004)


def test_a_point_has_the_means_and_their_intervals():
    found = point(run([1, 1, 1, 0] * 50, cost=0.001, calls=2), BAR)
    assert (found["accuracy"], found["cost_usd"], found["calls"]) == (0.75, pytest.approx(0.001), 2)
    low, high = found["ci95"]
    assert 0.65 < low < 0.75 < high < 0.85
    versus = found["vs_best_single"]
    assert versus["accuracy_diff"] == 0.25 and versus["cost_ratio"] == pytest.approx(0.25)
    assert 0 < versus["ci95"][0] < 0.25 < versus["ci95"][1]


def test_dollars_have_an_interval_of_their_own():
    """Every second question costs 3 and the others 1: a mean of 200 lies within 1.96 / sqrt(200) of 2."""
    found = point(Run(np.ones(200), np.array([1.0, 3.0] * 100), np.ones(200)), BAR)
    assert found["ci95"] == [1, 1]
    assert found["cost_ci95"] == pytest.approx([2 - 1.96 / 200**0.5, 2 + 1.96 / 200**0.5], abs=0.03)
    assert point(BAR, None)["cost_ci95"] == pytest.approx([0.004, 0.004])


def test_the_comparison_is_paired():
    # Alike on every question: no resampling can tell them apart, though each mean is uncertain.
    versus = point(BAR, BAR)["vs_best_single"]
    assert (versus["accuracy_diff"], versus["ci95"], versus["cost_ratio"]) == (0, [0, 0], 1)


def test_a_free_bar_has_no_cost_ratio():
    assert point(BAR, run([1] * 200, cost=0))["vs_best_single"]["cost_ratio"] is None


def test_intervals_depend_on_the_seed_alone():
    assert point(BAR, BAR, seed=1) == point(BAR, BAR, seed=1) != point(BAR, BAR, seed=2)


def test_a_row_stands_at_its_head_and_has_the_other_settings_as_curve():
    cheap, dear = run([1, 0] * 100, 0.001), run([1, 1] * 100, 0.009)
    entry = row("ours", "agent", {"low": cheap, "high": dear}, "high", BAR)
    assert set(entry) == FIELDS | {"setting"}
    assert (entry["name"], entry["kind"], entry["setting"]) == ("ours", "agent", "high")
    assert entry["accuracy"] == 1 and entry["cost_usd"] == pytest.approx(0.009)
    assert [(p["setting"], p["accuracy"]) for p in entry["curve"]] == [("low", 0.5), ("high", 1)]
    assert json.loads(json.dumps(entry)) == entry


def test_one_setting_is_no_curve():
    assert row("x", "bar", {"only": BAR}, "only", BAR)["curve"] == []


def test_runs_on_other_questions_can_not_be_compared():
    with pytest.raises(ValueError, match="same questions"):
        point(run([1, 0]), BAR)


def test_versions_name_what_the_figures_were_made_with():
    assert {"python", "router-r1", "numpy"} <= set(versions())
    assert all(versions().values())
