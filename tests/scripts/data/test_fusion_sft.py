"""`scripts/data/fusion_sft.py` and `thought_templates.py`: what is learned from, and that no test question is."""

import json
import subprocess
import sys
from pathlib import Path

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.model_cards import ModelCard
from router_r1.routers.fusion.thought_templates import ThoughtTemplates
from router_r1.token_prices import Price

ROOT = Path(__file__).parents[3]
MODELS = {"cheap": 1.0, "dear": 9.0}


def make_table(folder: Path) -> OutcomeTable:
    """Sixty questions; the last three repeat the text of the first test questions under other ids."""
    asked = [
        Question(id=f"q{n}", question=f"How many of {n} items?", answer=str(n + 900), metric="em")
        for n in range(60)
    ]
    test = [q for q in asked if split_of(q.id) is Split.TEST]
    training = [f"r{n}" for n in range(99) if split_of(f"r{n}") is Split.TRAIN]
    asked += [
        q.model_copy(update={"id": key}) for q, key in zip(test[:3], training[:3], strict=True)
    ]
    outcomes = [
        Outcome(
            id=question.id,
            model=model,
            text="" if number % 10 == 0 else f"We count them, says {model}. So {question.answer}.",
            score=0.0 if number % 10 == 0 else 1.0,
            input_tokens=9,
            output_tokens=9,
        )
        for number, question in enumerate(asked)
        for model in MODELS
    ]
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in MODELS.items()]
    table = OutcomeTable(cards, asked, outcomes)
    table.save(folder)
    return table


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "data" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_best_answers_of_training_questions_become_conversations(tmp_path: Path) -> None:
    table = make_table(tmp_path / "table")
    result = run(
        "fusion_sft.py",
        tmp_path / "table",
        "--out",
        tmp_path / "data",
        "--most",
        1,
        "--system",
        "Think.",
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "data" / "fusion_sft.json").read_text())
    texts = {split: set() for split in Split}
    for question in table.questions:
        texts[split_of(question.id)].add(question.question)
    for name, split in (("train", Split.TRAIN), ("validation", Split.VALIDATION)):
        lines = (tmp_path / "data" / f"{name}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert len(rows) == report[name]["answers used"] > 0
        for row in rows:
            system, user, assistant = row["messages"]
            assert system == {"role": "system", "content": "Think."}
            assert split_of(row["id"]) is split
            assert user["content"] not in texts[Split.TEST]
            assert assistant["content"].startswith("We count them, says cheap.")
            assert row["model"] == "cheap"
    assert report["train"]["questions left out by text"] == 3
    assert report["train"]["empty answers"] > 0
    assert "empty answers" in result.stdout


def test_a_table_without_texts_is_one_line_of_error(tmp_path: Path) -> None:
    table = make_table(tmp_path / "table")
    blank = [o.model_copy(update={"text": ""}) for o in table]
    OutcomeTable(table.cards, table.questions, blank).save(tmp_path / "blank")
    for script in ("fusion_sft.py", "thought_templates.py"):
        result = run(script, tmp_path / "blank", "--out", tmp_path / "out")
        assert result.returncode == 1
        assert "no answer can be learned from" in result.stderr
        assert "Traceback" not in result.stderr


def test_thought_templates_come_from_training_questions_alone(tmp_path: Path) -> None:
    table = make_table(tmp_path / "table")
    result = run("thought_templates.py", tmp_path / "table", "--out", tmp_path / "thoughts")
    assert result.returncode == 0, result.stderr
    templates = ThoughtTemplates.load(tmp_path / "thoughts")
    assert templates.templates
    for question in table.questions:
        if split_of(question.id) is not Split.TRAIN:
            assert not templates.made_from(question)
