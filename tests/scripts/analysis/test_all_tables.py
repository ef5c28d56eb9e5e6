"""`scripts/analysis/all_tables.py` on drawn tables: what the page says, what is repeated, and what it refuses."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

pytest.importorskip("sklearn")
pytest.importorskip("skops")

ONE = ("--router", "label")
SCRIPT = Path(__file__).parents[3] / "scripts" / "analysis" / "all_tables.py"


def save_table(folder: Path, skills: dict[str, tuple[float, float]]) -> None:
    """240 questions of two categories; the first model costs a tenth of the others."""
    rng = np.random.default_rng(0)
    cards = [
        ModelCard(name=name, price=Price(input=price, output=price))
        for name, price in zip(skills, (1.0, *[10.0] * len(skills)), strict=False)
    ]
    questions, outcomes = [], []
    for number in range(240):
        category, gold = number % 2, "ABCD"[rng.integers(4)]
        key = f"q{number}"
        questions.append(
            Question(
                id=key,
                question=f"Question {number}?",
                answer=gold,
                metric="choice",
                category="ab"[category],
                choices=("w", "x", "y", "z"),
            )
        )
        for name, skill in skills.items():
            right = rng.random() < skill[category]
            answer = gold if right else "ABCD"["ABCD".index(gold) - 1]
            outcomes.append(
                Outcome(
                    id=key,
                    model=name,
                    text="...",
                    answer=answer,
                    score=float(right),
                    input_tokens=50,
                    output_tokens=40,
                )
            )
    OutcomeTable(cards, questions, outcomes).save(folder)


def run(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def row_of(page: str, router: str) -> list[str]:
    """The cells of a router in the last table of the page."""
    line = [line for line in page.splitlines() if line.startswith(f"| {router} |")][-1]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_one_page_over_all_tables_that_says_what_is_gained(tmp_path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    save_table(data / "split", {"small": (0.95, 0.2), "large": (0.3, 0.95)})
    save_table(data / "same", {"small": (0.5, 0.5), "large": (0.9, 0.9)})
    (data / "notes").mkdir()
    few = ("--router", "label", "--router", "kmeans:clusters=4", "--seeds", 2)
    few = (*few, "--page", tmp_path / "docs" / "compared.md")
    done = run(data, "--out", out, *few)
    assert done.returncode == 0, done.stderr
    page = (out / "index.md").read_text()
    same, split = page.split("## same\n")[1].split("## split\n")
    assert "Nothing is proven" in same and "gains +" in split
    assert "Oracle" in split and "makes further calls at" in split
    assert row_of(page, "label")[-1] != ""  # the time of a decision
    document = (tmp_path / "docs" / "compared.md").read_text()
    assert "(compared/split.svg)" in document and "report.html" not in document
    assert (tmp_path / "docs" / "compared" / "split.svg").exists()
    row = json.loads((out / "split" / "row.json").read_text())
    assert row["best_single"] == "large" and list(row["caps"]) == ["1", "0.75", "0.5"]
    full = row["caps"]["1"]
    assert set(full) == {"planner", "label", "kmeans:clusters=4"}
    assert len(full["kmeans:clusters=4"]["by_seed"]) == 2 and len(full["label"]["by_seed"]) == 1
    assert row["routers"]["label"]["fit_seconds"] >= 0
    assert "<svg" in (out / "split" / "curves.svg").read_text()
    assert full["label"]["over_label"] is None
    for figures in full.values():
        mean, low, high = figures["over_best_single"]
        assert low <= mean <= high and figures["cost"] < 1.2
    assert full["planner"]["over_best_single"][0] > 0.1
    assert (out / "split" / "report.html").exists() and (out / "split" / "results.json").exists()

    before = (out / "split" / "row.json").stat().st_mtime_ns
    assert "1 of 2" not in run(data, "--out", out, *few).stdout  # nothing is done twice
    assert (out / "split" / "row.json").stat().st_mtime_ns == before


def test_the_page_names_who_beats_nobody_and_counts_no_gain_above_the_cap() -> None:
    spec = importlib.util.spec_from_file_location("page", SCRIPT.with_name("all_tables_page.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    gain, loss = [0.03, 0.01, 0.05], [-0.02, -0.04, 0.0]

    def page(cost: float) -> str:
        figures = {
            "planner": {"over_best_single": loss, "over_label": loss, "cost": 0.5, "by_seed": [0]},
            "label": {"over_best_single": loss, "over_label": None, "cost": 0.5, "by_seed": [0]},
            "better": {"over_best_single": gain, "over_label": gain, "cost": cost, "by_seed": [0]},
        }
        made = {"fit_seconds": 1.0, "decision_ms": 0.1, "seeds": 1}
        row = {
            "table": "t", "models": 2, "questions": [1, 1, 1], "best_single": "a",
            "best_single_accuracy": 0.5, "planned_levels": 0, "levels": 1, "headroom": None,
            "routers": dict.fromkeys(figures, made), "caps": dict.fromkeys(("1", "0.75", "0.5"), figures),
        }  # fmt: skip
        return module.page([row], "python", "{}.svg")

    within, above = page(0.9), page(1.2)
    assert "| better | **+3.0**° |" in within
    assert "best single model on none of these tables: planner, label.\n" in within
    assert "label router on none of these tables: planner.\n" in within
    assert "| better | +3.0 @1.20 |" in above
    assert "best single model on none of these tables: planner, label, better.\n" in above
    assert "label router on none of these tables: planner, better.\n" in above


def test_a_policy_that_was_trained_on_a_table_has_its_column(tmp_path) -> None:
    pytest.importorskip("transformers")
    from router_r1_envs.planner.config import PlannerConfig
    from router_r1_envs.planner.planner import Planner
    from router_r1_envs.supervised.imitation import ImitationConfig, imitate
    from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
    from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
    from router_r1_envs.worlds.recorded_world.world import open_recorded

    table = tmp_path / "table"
    save_table(table, {"small": (0.5, 0.5), "large": (0.9, 0.9)})
    world = open_recorded(RecordedWorldConfig(table=str(table), view="answer", max_routes=1))
    quick = PlannerConfig(folds=2, states=1, trees=5)
    planner = Planner.fit(TableSplits.of(world), settings=quick)
    # It answers after about a hundred steps.
    few = ImitationConfig(steps=150, batch_size=16, hidden=32, layers=1)
    imitate(world, planner, tmp_path / "policy", few)
    done = run(table, "--policy", f"table={tmp_path / 'policy'}", *ONE, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "table" / "results.json").read_text())
    (row,) = (row for row in results["rows"] if row["name"] == "policy")
    assert row["kind"] == "agent" and max(point["valid"] for point in row["curve"]) > 0
    assert "\n| policy | " in (tmp_path / "out" / "index.md").read_text()


def test_a_table_that_cannot_be_used_is_named_and_the_others_are_done(tmp_path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    save_table(data / "good", {"small": (0.5, 0.5), "large": (0.9, 0.9)})
    (data / "bad").mkdir()
    (data / "bad" / "pool.yaml").write_text("candidates: []")
    done = run(data, "--out", out, *ONE)
    assert done.returncode == 1 and "bad is left out" in done.stderr
    assert "## good" in (out / "index.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no table"),
        (["--policy", "other=folder"], "there is no such table"),
        (["--router", "none"], "there is no router 'none'"),
    ],
)
def test_a_wrong_call_is_an_error(tmp_path, arguments, message) -> None:
    if arguments:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "pool.yaml").write_text("candidates: []")
    done = run(tmp_path, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 1 and message in done.stderr
