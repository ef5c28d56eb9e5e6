"""`scripts/analysis/image_questions.py` on a drawn table in which one model fails on two images."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

pytest.importorskip("sklearn")

SCRIPT = Path(__file__).parents[3] / "scripts" / "analysis" / "image_questions.py"


def save_table(folder: Path) -> None:
    source = random.Random(0)
    questions, outcomes = [], []
    for number in range(150):
        several = number % 3 == 0
        questions.append(
            Question(
                id=f"q{number}",
                question=" ".join(source.choices(["cell", "map", "chord", "slope"], k=6)) + "?",
                answer="A",
                metric="choice",
                metadata={"images": ["a"] * (1 + several)},
            )
        )
        for name, score in (("single", float(not several)), ("several", number % 2)):
            outcomes.append(
                Outcome(
                    id=f"q{number}",
                    model=name,
                    text="A",
                    score=score,
                    input_tokens=9,
                    output_tokens=1,
                )
            )
    cards = [ModelCard(name=n, price=Price(input=1, output=1)) for n in ("single", "several")]
    OutcomeTable(cards, questions, outcomes).save(folder)


def test_it_measures_what_facts_gain(tmp_path) -> None:
    save_table(tmp_path / "one")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "one"), "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--router", "linear"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "image_questions.json").read_text())["one"]
    assert found["questions"] == 150
    assert found["several_images"] == 50
    assert found["best_single_several_images"] == 0
    assert found["rows"][0]["facts"] == 0.3
    assert found["rows"][0]["gain"][1] > 0
