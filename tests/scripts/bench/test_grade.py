"""The grading benchmark runs to the end and draws answers as described. No test asserts how fast grading is."""

import json
import random
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "bench" / "grade.py"
pytestmark = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)


@pytest.fixture(scope="module")
def bench():
    """The script's functions."""
    return runpy.run_path(str(SCRIPT))


def test_the_last_line_is_json_with_both_rates() -> None:
    command = [sys.executable, SCRIPT, "--short=90", "--maths=10", "--repeats=3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert {"short_per_s_core", "math_per_s"} <= set(report)
    assert min(report.values()) > 0


def test_answers_are_distinct_and_about_half_of_them_are_right(bench) -> None:
    items = bench["short"](random.Random(0), 600)
    assert len({item.answer for item in items}) > 0.98 * len(items)
    for metric in ("em", "choice"):
        scores = [bench["graded"](item) for item in items if item.metric == metric]
        assert 0.3 < sum(scores) / len(scores) < 0.8
    longest = [len(item.answer) for item in items if item.metric != "em"]
    assert min(longest) > 80  # sentences


def test_an_expression_is_graded_as_it_was_drawn(bench) -> None:
    source = random.Random(0)
    for kind in ("_radical", "_fraction", "_interval", "_pair", "_polynomial"):
        gold, same, other = bench[kind](source)
        assert bench["graded"](bench["Item"](f"${same}$", gold, "math")) == 1
        assert bench["graded"](bench["Item"](f"${other}$", gold, "math")) == 0
