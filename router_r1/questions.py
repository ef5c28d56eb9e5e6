"""Questions with gold answers: what worlds train on, what outcome tables and benchmarks hold.

One question is one JSON object with `id`, `question`, `answer` (a text, or a list of accepted texts), `metric`, and
optionally `category`, `choices` and `metadata`; a file holds one a line, gzipped if its name ends in `.gz`. A file whose
name ends in `.parquet` holds the same in columns: a text in `answer` or several in `answers`, and `metadata` as JSON.

Not covered: what models answered (`table.py`) and whether an answer is right (the reward package).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.errors import DataError
from router_r1.files import replacing
from router_r1.parquet import SUFFIX, Columns, read_parquet, write_parquet


class Split(StrEnum):
    """What a question may be used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    """For choices: checkpoints, levels, thresholds."""
    TEST = "test"
    """For numbers that are quoted."""


def split_of(key: str, *, validation: float = 0.1, test: float = 0.3) -> Split:
    """The split a question belongs to, for ever: a hash of its id, so that it does not depend on what else there is.

    Args:
        key: the id.
        validation, test: the shares of these splits; training gets the rest.
    """
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    if place < test:
        return Split.TEST
    return Split.VALIDATION if place < test + validation else Split.TRAIN


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
    """A question with its accepted answers."""

    id: Text
    """Unique among the questions it is used with."""
    question: Text
    """What is asked, choices included where there are any."""
    answer: Annotated[Text | tuple[Text, ...], AfterValidator(_not_none)]
    """The gold answer, or all that are accepted."""
    metric: Text
    """How an answer is scored: `em`, `f1`, `contains`, `choice`, `math`, `code`, `ifeval`, ..."""
    category: str | None = None
    """Subject or task, for results by category and for "best per category"."""
    choices: tuple[str, ...] | None = None
    """The texts of a multiple-choice question's options, in the order A, B, C, ..."""
    metadata: dict[str, Any] = {}
    """Anything else, kept as it is."""

    @property
    def answers(self) -> tuple[str, ...]:
        """All accepted answers."""
        return (self.answer,) if isinstance(self.answer, str) else self.answer


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
"""The columns of a parquet file of questions. One of `answer` and `answers` is null."""


def read_questions(path: str | Path) -> list[Question]:
    """Read a question file: JSON Lines, gzipped, or parquet, by the end of its name.

    Raises:
        DataError: no such file, a line that is no JSON, or an id that is there twice.
        ConfigError: a line is no question. Both name file and line, or row.
        MissingDependencyError: a parquet file, and pyarrow is not installed.
    """
    questions: list[Question] = []
    places: dict[str, str] = {}
    for where, data in question_rows(path):
        question = config.validate(Question, data, where)
        if question.id in places:
            raise DataError(
                f"{where}: the id {question.id!r} is in {places[question.id]} already; ids are unique"
            )
        places[question.id] = where
        questions.append(question)
    if not questions:
        raise DataError(f"{path}: holds no questions")
    return questions


def write_questions(path: str | Path, questions: Iterable[Question]) -> None:
    """Write a question file, in the form that the end of its name says."""
    rows = (q.model_dump(mode="json", exclude_defaults=True) for q in questions)
    if str(path).endswith(SUFFIX):
        write_parquet(path, COLUMNS, map(_in_columns, rows))
    else:
        write_json_lines(path, rows)


def question_rows(path: str | Path) -> Iterator[tuple[str, Any]]:
    """What a question file holds, with the place of each row, before anybody has looked whether it is a question.

    Raises:
        DataError: the file can not be read, or a line or the metadata of a row is no JSON.
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
                row["metadata"] = json.loads(row["metadata"])
            except json.JSONDecodeError as error:
                raise DataError(f"{where}: metadata: no JSON: {error}") from error
        yield where, row


def _in_columns(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row["answer"], str):
        row["answers"] = row.pop("answer")
    if "metadata" in row:
        row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False)
    return row


def located_json_lines(path: str | Path) -> Iterator[tuple[str, Any]]:
    """The objects of a JSON Lines file, each with `FILE:LINE`. Raises as `read_json_lines` does."""
    return ((f"{path}:{number}", data) for number, data in read_json_lines(path))


def read_json_lines(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The objects of a JSON Lines file with their line numbers; gzipped if the name ends in `.gz`.

    Raises:
        DataError: the file can not be read, or a line is no JSON; names file and line.
    """
    opener: Any = gzip.open if str(path).endswith(".gz") else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{number}: no JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number + 1}: not in UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: can not be read: {error}") from error


def write_json_lines(path: str | Path, objects: Iterable[Any]) -> None:
    """Write objects one a line; gzipped if the name ends in `.gz`, and then equal objects give equal files. A file that is there is replaced
    whole or not at all.
    """
    data = "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects).encode()
    with replacing(path) as new:
        new.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
