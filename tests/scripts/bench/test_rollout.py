"""The rollout benchmark as a command: it runs to the end, prints what it promises, and rejects wrong options.

No test asserts how fast a driver is; but a wall time below the lower bound would mean that the bound is wrong.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "bench" / "rollout.py"


def run(*options):
    return subprocess.run(
        [sys.executable, SCRIPT, *options], capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def tiny_run():
    """The output for two draws of eight episodes."""
    done = run("--episodes=8", "--mean-latency-s=0.01", "--slots=4", "--threads=2", "--seeds=2")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_last_line_is_json_with_both_ratios_and_no_wall_time_beats_the_bound(tiny_run):
    report = json.loads(tiny_run.splitlines()[-1])
    for figures in (report, *report["draws"]):
        for name in ("ratio_lockstep", "ratio_bound", "efficiency", "wall_s", "bound_s"):
            assert math.isfinite(figures[name]) and figures[name] > 0, name
        assert figures["ratio_bound"] >= 1
        assert figures["efficiency_lockstep"] <= 1
    assert [draw["seed"] for draw in report["draws"]] == [0, 1]
    assert report["settings"]["episodes"] == 8


def test_the_table_shows_both_drivers_and_the_bound_with_its_terms(tiny_run):
    for words in (
        "asynchronous, 4 slots",
        "lock-step, 2 threads",
        "ideal queue",
        "critical path",
        "total latency / slots",
        "calls / rate",
    ):
        assert words in tiny_run


def test_the_rate_of_the_server_limits_both_drivers():
    done = run(
        "--episodes=8",
        "--rounds=1",
        "--mean-latency-s=0.001",
        "--sigma=0",
        "--rate=40",
        "--seeds=1",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["bound_s"] == report["rate_s"] == 8 / 40
    assert report["wall_s"] >= 8 / 40
    assert report["wall_lockstep_s"] >= 8 / 40


@pytest.mark.parametrize("option", ["--slots=0", "--mean-latency-s=-1", "--sigma=nan", "--rate=0"])
def test_a_number_out_of_range_is_rejected_by_name(option):
    done = run(option)
    assert done.returncode == 2
    assert option.split("=")[0] in done.stderr.splitlines()[-1]


def test_a_simulation_of_many_draws_needs_no_server_and_respects_the_bound():
    done = run("--simulate=40", "--episodes=32", "--slots=8")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["draws"] == 40
    assert all(ratio >= 1 for ratio in report["ratio_bound_quartiles"])
    assert report["share_both"] <= min(report["share_lockstep_4"], report["share_bound_1.35"])
