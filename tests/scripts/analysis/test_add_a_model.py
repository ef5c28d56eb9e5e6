"""`scripts/analysis/add_a_model.py` on a drawn table: the page, its definitions, and what it refuses."""

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

pytest.importorskip("sklearn")

SCRIPT = Path(__file__).parents[3] / "scripts" / "analysis" / "add_a_model.py"
SKILLS = {"weak": (0.2, 0.2), "one": (0.6, 0.3), "two": (0.3, 0.6), "new": (0.9, 0.2)}
"""Model -> how often it is right in each of two categories."""


@pytest.fixture(scope="module")
def script():
    """The script's functions."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def table() -> OutcomeTable:
    source = np.random.default_rng(0)
    questions = [
        Question(
            id=f"q{n}",
            question=f"{('red', 'blue')[n % 2]} thing number {n}?",
            answer="1",
            metric="em",
            category="ab"[n % 2],
        )
        for n in range(200)
    ]
    outcomes = [
        Outcome(
            id=question.id,
            model=name,
            text="1",
            score=float(source.random() < skill[n % 2]),
            input_tokens=10,
            output_tokens=10,
        )
        for n, question in enumerate(questions)
        for name, skill in SKILLS.items()
    ]
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in SKILLS]
    return OutcomeTable(cards, questions, outcomes)


def run(*arguments) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_page_says_what_is_recovered(table, tmp_path) -> None:
    table.save(tmp_path / "small")
    settings = ["--model", "new", "--counts", "16,64", "--seeds", "2", "--worth", "inf"]
    chosen = ["--router", "uniroute:clusters=4", "--router", "label"]
    done = run(tmp_path / "small", *settings, *chosen, "--out", tmp_path / "page.md")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.md").read_text()
    assert page in done.stdout
    assert "small: 3 models, to which new are added one at a time" in page
    assert "Target: `uniroute:clusters=4` with 64 questions" in page
    rows = [line for line in page.splitlines() if line.startswith("| new | label |")]
    assert len(rows) == 1 and len(rows[0].split("|")) == 10


def test_a_model_that_joins_with_all_questions_loses_nothing_under_the_label_router(
    script, table
) -> None:
    curves = script["measure"](table, ["new"], ["label"], [8], 2, [float("inf")], lambda _: None)
    (curve,) = curves.values()
    everything = max(curve.at)
    assert curve.at[everything] == [pytest.approx(curve.full)]
    assert curve.gain > 0.1
    assert curve.gain_recovered(everything) == pytest.approx(1.0)
    assert curve.regret(everything) == pytest.approx(0.0)
    assert len(curve.at[8]) == 2


def test_every_beginning_of_a_draw_has_each_category_in_its_share(script, table) -> None:
    skewed = [*table.questions[::2], *table.questions[1:41:2]]  # 100 of a, 20 of b
    order = script["stratified"](skewed, 0)
    assert sorted(order) == sorted(q.id for q in skewed)
    category = {q.id: q.category for q in skewed}
    for count in (12, 36, 60):
        assert abs(Counter(category[key] for key in order[:count])["b"] - count / 6) <= 1
    assert script["stratified"](skewed, 1) != order


def test_a_gain_within_noise_has_no_share(script) -> None:
    curve = script["Curve"](none=0.5, full=0.505, best_single=0.5)
    curve.at[8] += [0.6, 0.4]
    assert curve.gain_recovered(8) is None
    assert curve.quality_recovered(8) == pytest.approx(0.5 / 0.505)
    assert curve.regret(8) == pytest.approx(0.105 / 2)


def test_routers_that_can_add_a_model_are_found(script) -> None:
    can = script["can_add"]
    assert all(can(routers.make(name)) for name in ("label", "knn", "uniroute", "latency"))
    assert not can(routers.make("hybrid"))


def test_what_cannot_be_done_is_one_line(script, table, tmp_path, monkeypatch) -> None:
    table.save(tmp_path / "small")
    for arguments, message in {
        ("--model", "old"): "has no 'old'",
        ("--model", "new", "--router", "hybrid"): "router 'hybrid' cannot add a model",
        ("--model", "new", "--counts", "few"): "expected numbers",
        ("--model", "new", "--seeds", "0"): "expected numbers above 0",
        tuple(x for name in ("new", "one", "two") for x in ("--model", name)): "fewer than two",
    }.items():
        monkeypatch.setattr(sys, "argv", ["add_a_model.py", str(tmp_path / "small"), *arguments])
        with pytest.raises(SystemExit, match=message) as stopped:
            script["main"]()
        line = str(stopped.value)
        assert line.startswith("add_a_model.py: ") and "\n" not in line
