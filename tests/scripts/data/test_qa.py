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
    assert sorted(" ".join(t.casefold().split()) for t in texts) == ["when?", "who is it?"]
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
    kept = {int(q.question.rstrip("?").split()[-1]) for q in questions if q.category == "nq"}
    assert max(kept) > 390


SPLITS = {
    "nq": ("train", "test"),
    "triviaqa": ("test",),
    "popqa": ("test",),
    "hotpotqa": ("train", "dev"),
    "2wikimultihopqa": ("dev",),
    "musique": ("dev",),
    "bamboogle": ("test",),
}


def flashrag(folder: Path, count: int) -> None:
    """The data sets of the paper as FlashRAG publishes them, with questions made here."""
    for name, splits in SPLITS.items():
        (folder / name).mkdir(parents=True)
        for split in splits:
            rows = [
                {
                    "id": f"{split}_{n}",
                    "question": f"{name} {split} {n}",
                    "golden_answers": ["x", "y"],
                }
                for n in range(count)
            ]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / name / f"{split}.jsonl").write_text(text)


def test_the_files_of_flashrag_give_training_and_seven_test_sets(tmp_path: Path) -> None:
    flashrag(tmp_path / "data", 20)
    result = prepare(tmp_path / "data", tmp_path, "--limit", "8", "--test", "5")
    assert result.returncode == 0, result.stderr
    training = read_questions(tmp_path / "qa.jsonl.gz")
    assert sorted(q.category or "" for q in training) == ["hotpotqa"] * 8 + ["nq"] * 8
    for name, splits in SPLITS.items():
        questions = read_questions(tmp_path / "test" / f"{name}.jsonl.gz")
        assert len(questions) == 5
        for question in questions:
            key = question.id.removeprefix(f"{name}/{splits[-1]}_")
            assert question.question == f"{name} {splits[-1]} {key}?"
            assert (question.answers, question.metric) == (("x", "y"), "em")


def test_a_missing_test_set_is_named_with_the_place_to_get_it(tmp_path: Path) -> None:
    flashrag(tmp_path / "data", 3)
    (tmp_path / "data" / "popqa" / "test.jsonl").unlink()
    result = prepare(tmp_path / "data", tmp_path, "--test", "2")
    assert result.returncode == 1
    assert "holds nothing of popqa; put popQA.tsv there (or popqa/test.jsonl" in result.stderr
    assert "from https://github.com/AlexTMallen/adaptive-retrieval" in result.stderr


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    result = prepare(tmp_path, tmp_path / "out")
    assert result.returncode == 1
    assert f"qa.py: {tmp_path}: holds nothing of nq; put nq_train.jsonl" in result.stderr
