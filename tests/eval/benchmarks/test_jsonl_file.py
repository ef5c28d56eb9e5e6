"""A JSON Lines file of your own as a benchmark."""

from collections.abc import Callable
from pathlib import Path

import pytest

from router_r1.data.questions import read_questions, write_questions
from router_r1.errors import ConfigError, DataError
from router_r1_eval import benchmarks
from router_r1_reward import validate


def test_a_file_is_a_benchmark(put: Callable[..., Path], tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "mine.jsonl",
        {"prompt": "Capital of Peru?", "answer": "Lima", "category": "geography"},
        {"question": "Legs of a spider?", "answer": ["8", "eight"], "id": "legs"},
        {"question": "Which is a metal?", "choices": ["iron", "wood"], "answer": "A"},
    )
    mine = benchmarks.get(str(path))
    assert (mine.name, mine.area, mine.size, mine.hub) == ("mine", "own", None, ())
    peru, legs, metal = benchmarks.load(str(path))
    assert (peru.question, peru.metric, peru.category) == ("Capital of Peru?", "em", "geography")
    assert (legs.id, legs.answer) == ("legs", ("8", "eight"))
    assert metal.metric == "choice" and metal.question.endswith("\n(A) iron\n(B) wood")
    assert validate([peru, legs, metal]).ok
    assert len(benchmarks.load(str(path), limit=2)) == 2
    write_questions(tmp_path / "again.jsonl.gz", [peru, legs, metal])
    assert benchmarks.load(str(tmp_path / "again.jsonl.gz")) == [peru, legs, metal]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "?"}', r"mine\.jsonl:2: the question: answer"),
        ('{"answer": "x"}', r"mine\.jsonl:2: the question: "),
        ('{"question": "?", "answer": "x", "colour": 1}', r"mine\.jsonl:2: .*colour"),
        (
            '{"question": "Who?", "answer": "x"}',
            r"mine\.jsonl:2: the id .* is used in line 1 already",
        ),
        ("[]", r"mine\.jsonl:2: expected an object, got list"),
        ("{", r"mine\.jsonl:2: not JSON"),
    ],
)
def test_a_broken_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "Who?", "answer": "Eve"}\n' + line)
    with pytest.raises(DataError, match=message):
        benchmarks.load(str(path))


def test_missing_empty_and_other_files_are_errors(put: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read"):
        benchmarks.load(str(tmp_path / "none.jsonl"))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="holds no questions"):
        benchmarks.load(str(tmp_path / "empty.jsonl"))
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match=r"expected a JSON Lines file"):
        benchmarks.get(str(tmp_path / "mine.txt"))
    path = put(tmp_path, "mine.jsonl", {"question": "?", "answer": "x"})
    with pytest.raises(ConfigError, match="has no splits"):
        benchmarks.load(str(path), split="train")
    with pytest.raises(ConfigError, match="found by its path"):
        benchmarks.load(str(path), tmp_path)


def test_a_question_file_is_a_benchmark(put: Callable[..., Path], tmp_path: Path) -> None:
    put(tmp_path, "glue_cola.jsonl", {"sentence": "They was.", "label": 0, "idx": 3})
    questions = benchmarks.load("glue", tmp_path)
    write_questions(tmp_path / "glue.jsonl.gz", questions)
    assert read_questions(tmp_path / "glue.jsonl.gz") == questions
    assert benchmarks.load(str(tmp_path / "glue.jsonl.gz")) == questions
