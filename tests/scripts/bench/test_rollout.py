"""The rollout benchmark runs end to end, reports what it promises, and refuses to report a driver that cheats.

Nothing here asserts how fast a driver is; a wall time below the lower bound, though, would be a wrong bound.
"""

import json
import math
import runpy
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
def bench():
    """The script's functions and classes."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def tiny_run():
    """Two draws of eight episodes."""
    done = run("--episodes=8", "--mean-latency-s=0.01", "--slots=4", "--threads=2", "--seeds=2")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_last_line_is_json_with_the_two_ratios_and_no_wall_time_beats_the_bound(tiny_run):
    report = json.loads(tiny_run.splitlines()[-1])
    for figures in (report, *report["draws"]):
        for name in ("ratio_lockstep", "ratio_bound", "efficiency", "wall_s", "bound_s"):
            assert math.isfinite(figures[name]) and figures[name] > 0, name
        assert figures["ratio_bound"] >= 1
        assert figures["efficiency_lockstep"] <= 1
    assert [draw["seed"] for draw in report["draws"]] == [0, 1]
    assert report["settings"]["episodes"] == 8


def test_the_table_shows_both_drivers_the_bound_and_its_terms(tiny_run):
    for words in (
        "asynchronous, 4 slots",
        "lock-step, 2 threads",
        "ideal queue",
        "critical path",
        "total latency / slots",
        "calls / rate",
    ):
        assert words in tiny_run


def test_a_rate_of_the_server_holds_for_both_drivers():
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
def test_a_number_out_of_range_is_refused_by_name(option):
    done = run(option)
    assert done.returncode == 2
    assert option.split("=")[0] in done.stderr.splitlines()[-1]


def test_the_bound_is_the_greatest_of_its_three_terms(bench):
    latencies = [[1.0, 1.0], [3.0], [1.0]]
    bound = bench["Bound"].of(latencies, 2, 8.0)
    assert (bound.critical_path_s, bound.work_s, bound.rate_s) == (3.0, 3.0, 0.5)
    assert bench["Bound"].of(latencies, 1, None).wall_s == 6.0
    assert bench["Bound"].of(latencies, 2, 0.5).wall_s == 8.0


def test_the_ideal_queue_serves_calls_in_order_of_arrival(bench):
    latencies = [[1.0, 3.0], [2.0], [1.0]]
    assert bench["ideal_queue"](latencies, 1) == 7.0
    # Two slots: at 1 s episode 2 goes before the second round of episode 0, which begins at 2 s.
    assert bench["ideal_queue"](latencies, 2) == 5.0
    assert bench["ideal_queue"](latencies, 64) == 4.0
    # One start every two seconds: the last of the four calls begins at 8 s.
    assert bench["ideal_queue"](latencies, 64, rate=0.5) == 11.0


def test_latencies_are_lognormal_and_the_same_in_every_process(bench):
    draw = bench["Draw"](seed=5, episodes=2000, rounds=4, mean_s=0.5, sigma=1.0)
    latencies = [seconds for episode in draw.latencies() for seconds in episode]
    logs = [math.log(seconds) for seconds in latencies]
    mean_log = math.fsum(logs) / len(logs)
    spread = math.sqrt(math.fsum((x - mean_log) ** 2 for x in logs) / len(logs))
    assert mean_log == pytest.approx(math.log(0.5) - 0.5, abs=0.1)
    assert spread == pytest.approx(1.0, abs=0.1)
    assert {len(episode) for episode in draw.latencies()} == {1, 2, 3, 4}
    assert bench["read_query"](draw.query(17, 2))[0] == draw.latency_s(17, 2)


def test_a_driver_that_loses_changes_or_invents_an_answer_ends_the_run(bench):
    draw = bench["Draw"](seed=0, episodes=3, rounds=2, mean_s=0.05, sigma=0.0)

    def loses(draw, base_url, limit):
        return draw.expected_answers()[1:]

    def changes(draw, base_url, limit):
        return [*bench["asynchronous"](draw, base_url, limit)[:-1], "something else"]

    def invents(draw, base_url, limit):
        return draw.expected_answers()

    def goes_over_the_limit(draw, base_url, limit):
        return bench["asynchronous"](draw, base_url, limit + 2)

    with bench["server_process"](None) as server:
        for cheat, message in (
            (loses, "2 answers to 3 questions"),
            (changes, "1 of 3 answers are wrong.*'something else'"),
            (invents, "0 calls reached the server"),
            (goes_over_the_limit, "calls were in flight at once, 1 are allowed"),
        ):
            with pytest.raises(SystemExit, match=message):
                bench["measure"](cheat.__name__, cheat, draw, server, 1)


def test_a_simulation_of_many_draws_needs_no_server_and_keeps_the_bound():
    done = run("--simulate=40", "--episodes=32", "--slots=8")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["draws"] == 40
    assert all(ratio >= 1 for ratio in report["ratio_bound_quartiles"])
    assert report["share_both"] <= min(report["share_lockstep_4"], report["share_bound_1.35"])


def test_lock_step_takes_its_rounds_one_after_another(bench):
    # Two threads: the first round takes 3 (2 beside 1 + 1 + 1), the second, of one episode, 5.
    assert bench["ideal_lock_step"]([[2.0, 5.0], [1.0], [1.0], [1.0]], 2) == 8.0
