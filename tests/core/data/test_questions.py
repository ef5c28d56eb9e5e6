"""Question files: reading, writing, and errors with file and line."""

import gzip

import pytest

from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.errors import ConfigError, DataError

QUESTIONS = [
    Question(id="q1", question="Capital of Österreich?", answer="Wien", metric="em"),
    Question(
        id="q2",
        question="Red or blue?",
        answer=("B", "blue"),
        metric="choice",
        category="colours",
        choices=("red", "blue"),
        metadata={"source": "a book", "page": 3},
    ),
]
LINE = '{"id": "q1", "question": "?", "answer": "x", "metric": "em"}\n'


@pytest.mark.parametrize("name", ["questions.jsonl", "questions.jsonl.gz", "questions.parquet"])
def test_written_questions_are_read_back(tmp_path, name):
    write_questions(tmp_path / "data" / name, QUESTIONS)
    assert read_questions(tmp_path / "data" / name) == QUESTIONS


def test_a_name_that_ends_in_gz_is_compressed_and_reproducible(tmp_path):
    write_questions(tmp_path / "a.jsonl.gz", QUESTIONS)
    write_questions(tmp_path / "b.jsonl.gz", QUESTIONS)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).count(b"\n") == 2


def test_one_answer_or_several_are_read_alike():
    assert QUESTIONS[0].answers == ("Wien",)
    assert QUESTIONS[1].answers == ("B", "blue")


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "q.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{LINE}\n".encode())
    assert [q.id for q in read_questions(tmp_path / "q.jsonl")] == ["q1"]


def test_blank_lines_are_skipped(tmp_path):
    (tmp_path / "q.jsonl").write_text(f"\n{LINE}\n\n")
    assert [q.id for q in read_questions(tmp_path / "q.jsonl")] == ["q1"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "q.jsonl: holds no questions"),
        (LINE + "{", DataError, "q.jsonl:2: not JSON"),
        (
            LINE.replace("}", ""),
            DataError,
            "q.jsonl:1: not JSON: Expecting ',' delimiter at column 60",
        ),
        (LINE + LINE, DataError, "q.jsonl:2: the id 'q1' is in "),
        (
            LINE.replace('"metric": "em"', '"metric": ""'),
            ConfigError,
            "q.jsonl:1: metric: must not",
        ),
        (LINE.replace('"x"', '" "'), ConfigError, "q.jsonl:1: answer: must not be empty"),
        (
            LINE.replace('"x"', "[]"),
            ConfigError,
            "q.jsonl:1: answer: it needs a text, or a list with at least one",
        ),
        (LINE.replace('"id"', '"ID"'), ConfigError, "q.jsonl:1: ID: no such field"),
        (LINE.replace('"answer": "x", ', ""), ConfigError, "q.jsonl:1: answer: it is required"),
        ("[1, 2]\n", ConfigError, "q.jsonl:1"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, text, error, message):
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(error) as caught:
        read_questions(tmp_path / "q.jsonl")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read"):
        read_questions(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(LINE.replace("x", "é").encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.jsonl:1: not in UTF-8"):
        read_questions(tmp_path / "latin.jsonl")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(LINE.encode())[:-9])
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz: cannot be read"):
        read_questions(tmp_path / "cut.jsonl.gz")
