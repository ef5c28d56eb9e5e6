"""`scripts/analysis/traffic_hour.py`: limits hold in every minute, and what is printed adds up."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.routers.traffic.capacity import DROPPED, Capacity
from router_r1.token_prices import Price

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "analysis" / "traffic_hour.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("traffic_hour", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_traffic_has_the_mean_rate_and_bursts(script) -> None:
    rng = np.random.default_rng(0)
    hours = [script.hour_of(rng, 10, 100, 4, 0.2) for _ in range(20)]
    minutes = np.concatenate(
        [np.bincount((h.seconds // 60).astype(int), minlength=60) for h in hours]
    )
    assert minutes.mean() == pytest.approx(100, rel=0.05)
    assert (minutes > 180).mean() == pytest.approx(0.2, abs=0.04)
    assert all((np.diff(hour.seconds) >= 0).all() for hour in hours)


@pytest.mark.parametrize("way", [0, 1, 2])
def test_no_model_takes_more_than_its_limit_in_any_minute(script, way) -> None:
    rng = np.random.default_rng(1)
    hour = script.hour_of(rng, 50, 60, 3, 0.1)
    worth, limits = rng.random((len(hour.questions), 3)), Capacity.of([10, 25, 20])
    columns = script.sent(worth, hour, limits, script.WAYS[way], collect=2)
    for minute in range(60):
        inside = columns[(hour.seconds // 60).astype(int) == minute]
        used = np.bincount(inside[inside != DROPPED], minlength=3)
        assert (used <= limits.requests).all()
        if way:  # overflow: nothing is dropped while there is room
            assert used.sum() == min(len(inside), 55)


def test_it_prints_a_line_for_each_router_and_way(tmp_path: Path) -> None:
    asked = [
        Question(
            id=f"q{n}",
            question=f"{('sum', 'law')[n % 2]} case {n}",
            answer="1",
            metric="em",
            category="ab"[n % 2],
        )
        for n in range(80)
    ]
    outcomes = [
        Outcome(id=q.id, model=m, text="1", score=s, input_tokens=9, output_tokens=9)
        for q in asked
        for m, s in (("good", 1.0), ("bad", 0.0))
    ]
    cards = [ModelCard(name=n, price=Price(input=1, output=1)) for n in ("good", "bad")]
    OutcomeTable(cards, asked, outcomes).save(tmp_path / "table")
    command = [
        sys.executable,
        str(SCRIPT),
        str(tmp_path / "table"),
        "--hours",
        "2",
        "--router",
        "label",
    ]
    enough = subprocess.run(
        [*command, "--rate", "20", "--limit", "good=0", "--limit", "bad=99"],
        capture_output=True,
        text=True,
    )
    assert enough.returncode == 0, enough.stderr
    lines = [line.split(" | ") for line in enough.stdout.splitlines() if line.startswith("| label")]
    assert [line[1] for line in lines] == ["no limits", "dropped", "overflow", "overflow by regret"]
    dropped = [(line[3], line[4], line[6]) for line in lines]
    assert dropped[0] == ("0.0%", "0.0%", "1.000")
    assert dropped[1][0] == "100.0%"
    assert dropped[2] == dropped[3] == ("0.0%", "100.0%", "0.000")
    wrong = subprocess.run([*command, "--limit", "nobody=3"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "the table has good, bad" in wrong.stderr
