"""Questions with gold answers, and the files that hold them.

One question is one JSON object with `id`, `question`, `answer` (a text, or a list of accepted texts), `metric`, and
optionally `category`, `choices` and `metadata`. A file has one question per line, and is gzipped if its name ends in
`.gz`. A file whose name ends in `.parquet` has the same in columns: one text in `answer` or several in `answers`, and
`metadata` as JSON.

Not here: what models answered (`outcome_table.py`), and whether an answer is right (the reward package).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from router_r1 import config
from router_r1.config import JsonObject, StrictModel
from router_r1.data.json_lines import located_json_lines, write_json_lines
from router_r1.data.parquet import SUFFIX, Columns, read_parquet, write_parquet
from router_r1.errors import DataError
from router_r1.json_text import parse_json


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _not_none(answer: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if not answer:
        raise ValueError("it needs a text, or a list with at least one")
    return answer


Text = Annotated[str, AfterValidator(_not_blank)]


class Question(StrictModel):
    """A question and its accepted answers."""

    id: Text
    """Unique among the questions it is used with."""
    question: Text
    """The text of the question, including its choices if there are any."""
    answer: Annotated[Text | tuple[Text, ...], AfterValidator(_not_none)]
    """The gold answer, or a list of all accepted answers."""
    metric: Text
    """How an answer is scored: `em`, `f1`, `contains`, `choice`, `math`, `code`, `ifeval`, ..."""
    category: str | None = None
    """Subject or task, for results by category and for "best per category"."""
    choices: tuple[str, ...] | None = None
    """The texts of a multiple-choice question's options, in the order A, B, C, ..."""
    metadata: JsonObject = {}
    """Anything else; kept unchanged."""

    @property
    def answers(self) -> tuple[str, ...]:
        """All accepted answers."""
        return (self.answer,) if isinstance(self.answer, str) else self.answer

    @property
    def content_key(self) -> tuple[str, ...]:
        """What two questions that are the same under two ids share: text, options and images.

        Case and spaces make no difference, nor does the order of the options. The same text with other options, or
        about another image (`metadata["images"]`), is another question: "Which of these is true?".
        """
        images = self.metadata.get("images")
        return (
            _plain(self.question),
            *sorted(map(_plain, self.choices or ())),
            *(map(str, images) if isinstance(images, list) else ()),
        )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


COLUMNS: Columns = {
    "id": "text",
    "question": "text",
    "answer": "text",
    "answers": "texts",
    "metric": "text",
    "category": "text",
    "choices": "texts",
    "metadata": "text",
}
"""The columns of a parquet file of questions. In each row, `answer` or `answers` is null."""


def read_questions(path: str | Path) -> list[Question]:
    """Read a question file; its name says whether it is JSON Lines, gzipped or not, or parquet.

    Raises:
        DataError: the file cannot be read or is empty, a line is not JSON, or two questions have the same id.
        ConfigError: a line is not a question. Both errors name file and line, or row.
        MissingDependencyError: the file is parquet, and pyarrow is not installed.
    """
    questions: list[Question] = []
    places: dict[str, str] = {}
    for where, data in question_rows(path):
        question = config.validate(Question, data, where)
        if question.id in places:
            raise DataError(
                f"{where}: the id {question.id!r} is in {places[question.id]} already; give each question its own"
            )
        places[question.id] = where
        questions.append(question)
    if not questions:
        raise DataError(f"{path}: holds no questions")
    return questions


def write_questions(path: str | Path, questions: Iterable[Question]) -> None:
    """Write a question file, in the format its name says; see `read_questions`."""
    rows = (q.model_dump(mode="json", exclude_defaults=True) for q in questions)
    if str(path).endswith(SUFFIX):
        write_parquet(path, COLUMNS, map(_in_columns, rows))
    else:
        write_json_lines(path, rows)


def question_rows(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Read a question file without validation: (place, data) pairs, where place is `FILE:LINE` or `FILE: row N`.

    Raises:
        DataError: the file cannot be read, or a line or a row's metadata is not JSON.
    """
    if not str(path).endswith(SUFFIX):
        yield from located_json_lines(path)
        return
    for number, row in read_parquet(path):
        where = f"{path}: row {number}"
        if "answer" not in row and "answers" in row:
            row["answer"] = row.pop("answers")
        if isinstance(row.get("metadata"), str):
            try:
                row["metadata"] = parse_json(row["metadata"])
            except ValueError as error:
                raise DataError(f"{where}: metadata: not JSON: {error}") from error
        yield where, row


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    """A question as a row of `COLUMNS`."""
    if not isinstance(row["answer"], str):
        row["answers"] = row.pop("answer")
    if "metadata" in row:
        row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False)
    return row
