"""`scripts/data/qa.py` writes the training sets of two benchmarks as question files, each text once."""

import json
import subprocess
import sys
from pathlib import Path

from router_r1.data.questions import read_questions

ROOT = Path(__file__).parents[3]


def prepare(data: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "data" / "qa.py"), *options]
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
    assert sorted(" ".join(t.casefold().split()) for t in texts) == ["when", "who is it"]
    (only,) = read_questions(tmp_path / "out" / "hotpotqa.jsonl.gz")
    assert (only.id, only.category, only.metric) == ("hotpotqa/a", "hotpotqa", "em")


def test_the_first_questions_of_the_common_file_come_from_both_data_sets(tmp_path: Path) -> None:
    rows = [{"question": f"who is number {n}", "answer": ["x"]} for n in range(400)]
    (tmp_path / "nq_train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    hotpot = [{"_id": f"h{n}", "question": f"where is {n}", "answer": "y"} for n in range(400)]
    (tmp_path / "hotpotqa_train.json").write_text(json.dumps(hotpot))
    assert prepare(tmp_path, tmp_path / "out", "--limit", "300").returncode == 0
    questions = read_questions(tmp_path / "out" / "qa.jsonl.gz")
    assert len(questions) == 600
    first = [q.category for q in questions[:100]]
    assert 30 < first.count("nq") < 70
    # The limit takes a sample of each data set, not its beginning.
    kept = {int(q.question.split()[-1]) for q in questions if q.category == "nq"}
    assert max(kept) > 390


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    result = prepare(tmp_path, tmp_path / "out")
    assert result.returncode == 1
    assert f"qa.py: {tmp_path}: holds nothing of nq; put nq_train.jsonl" in result.stderr
