"""`scripts/data/qa.py` writes the training sets of two benchmarks as question files, each text once."""

import json
import subprocess
import sys
from pathlib import Path

from router_r1.data.questions import read_questions

ROOT = Path(__file__).parents[3]


def prepare(data: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "data" / "qa.py")]
    return subprocess.run(
        [*command, "--data", str(data), "--out", str(out)], capture_output=True, text=True
    )


def test_both_data_sets_are_written_without_repeated_texts(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": ["x"]} for q in ("who is it", "when", "Who  is it")]
    (tmp_path / "nq_train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    hotpot = [{"_id": "a", "question": "When", "answer": "y", "type": "bridge"}]
    (tmp_path / "hotpotqa_train.json").write_text(json.dumps(hotpot))
    result = prepare(tmp_path, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    texts = [q.question for q in read_questions(tmp_path / "out" / "qa.jsonl.gz")]
    assert texts == ["who is it", "when"]
    (only,) = read_questions(tmp_path / "out" / "hotpotqa.jsonl.gz")
    assert (only.id, only.category, only.metric) == ("hotpotqa/a", "hotpotqa", "em")


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    result = prepare(tmp_path, tmp_path / "out")
    assert result.returncode == 1
    assert f"qa.py: {tmp_path}: holds nothing of nq; put nq_train.jsonl" in result.stderr
