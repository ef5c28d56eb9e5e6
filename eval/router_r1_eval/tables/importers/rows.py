"""Rows of recorded answers: checks, conversions, questions and outcomes, with errors that name the row.

A cell comes from JSON, CSV or a data frame, so "nothing" is None, NaN, NaT or pandas' NA, and a text may be a list of
texts or a number. `text` and `number` read all of them: nothing becomes a word, and no list its Python notation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.data.outcome_table import Outcome
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.source_files import quoted

NOT_PUBLISHED = "not published"
"""The gold answer of a question whose source has only scores."""
RECORDED = "recorded"
"""The metric of such a question. It grades nothing: a world refuses the table, a tournament uses recorded scores."""


def question(where: str, **fields: Any) -> Question:
    """The question of a row. Raises `ConfigError`, which names the row and the field."""
    return config.validate(Question, fields, where)


def outcome(where: str, **fields: Any) -> Outcome:
    """The outcome of a row. Raises `ConfigError`, which names the row and the field."""
    return config.validate(Outcome, fields, where)


def plain(cell: Any) -> Any:
    """A cell as text, number, flag, list or mapping of Python; None if it is missing."""
    if hasattr(cell, "tolist"):  # numpy's scalars and arrays
        cell = cell.tolist()
    if type(cell).__name__ in ("NAType", "NaTType"):  # pandas'
        return None
    if isinstance(cell, float) and cell != cell:
        return None
    return cell


def text(cell: Any, where: str, what: str) -> str | None:
    """A text; None if the cell is missing.

    A list of texts is joined by line ends. A whole number has no decimals, because a data frame turns a column of whole
    numbers with a missing one into floats. Halves of surrogate pairs, which no file can hold, become U+FFFD.

    Args:
        cell: the cell.
        where: the row, for the message.
        what: the meaning of the cell, for the message.

    Raises:
        DataError: it is something else, such as a mapping.
    """
    found = plain(cell)
    if isinstance(found, list | tuple):
        parts = [part for part in map(plain, found) if part is not None]
        if not all(isinstance(part, str) for part in parts):
            raise DataError(f"{where}: {what} is a list; expected a text, or a list of texts")
        found = "\n".join(parts) if parts else None
    if isinstance(found, bytes):
        try:
            found = found.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: {what} is not in UTF-8; expected a text") from error
    if found is None:
        return None
    if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
        found = int(found)
    if isinstance(found, str | bool | int | float):
        return str(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    raise DataError(f"{where}: {what} is a {type(found).__name__}; expected a text")


def needed_text(cell: Any, where: str, what: str) -> str:
    """A text, as `text`. Raises `DataError` if it is missing too."""
    found = text(cell, where, what)
    if found is None or not found.strip():
        raise DataError(f"{where}: {what} is missing")
    return found


def accepted_answers(gold: Any, where: str) -> str | tuple[str, ...]:
    """A gold answer, a list of them, or none, in the form that `Question.answer` takes.

    Raises:
        DataError: an answer is no text.
    """
    found = plain(gold)
    listed = found if isinstance(found, list | tuple) else [found]
    texts = [text(one, where, "the gold answer") or "" for one in listed]
    texts = [one for one in texts if one.strip()]
    return tuple(texts) if len(texts) > 1 else texts[0] if texts else NOT_PUBLISHED


def estimated_tokens(content: str) -> int:
    """The number of tokens of a text, estimated as characters / 4, rounded up."""
    return -(-len(content) // 4)


def number(value: Any, where: str, what: str) -> float:
    """A number, from a JSON number or the text of a CSV cell; `True` is 1.

    Args:
        value: the cell.
        where: the row, for the message.
        what: the meaning of the cell, for the message.

    Raises:
        DataError: it is not a number, or it is missing or infinite.
    """
    found = plain(value)
    word = "" if found is None else str(found).strip().lower()
    if word in ("", "none", "nan", "null", "<na>"):
        raise DataError(f"{where}: {what} is missing")
    if word in ("true", "false"):
        return float(word == "true")
    try:
        read = float(word)
    except ValueError:
        shown = found if isinstance(found, str) else type(found).__name__
        raise DataError(f"{where}: {what} is {str(shown)[:60]!r}; expected a number") from None
    if not math.isfinite(read):
        raise DataError(f"{where}: {what} is {word[:60]}; expected a finite number")
    return read


def count(value: Any, where: str, what: str) -> int:
    """A whole number, as `number` reads it. Raises `DataError` for a fraction too."""
    found = number(value, where, what)
    if not found.is_integer():
        raise DataError(f"{where}: {what} is {found:g}; expected a whole number")
    return int(found)


def missing_texts(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """The note about answers without a text; none if every answer has one."""
    lacking = [one for one in outcomes if not one.text]
    if not lacking:
        return ()
    first = lacking[0]
    return (
        f"{len(lacking)} answers have no text, e.g. {first.model} to {first.id}: they are empty",
    )


def same_question(asked: str) -> str:
    """A question with its white space normalised, to find it in another file."""
    return " ".join(asked.split())


def find_file(folder: Path, name: str) -> Path:
    """`name` or `name.gz` in a folder. Raises `DataError` if there is neither."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"{folder}: has neither {name} nor {name}.gz")


def require(condition: bool, message: str) -> None:
    """Raise `DataError` with this message unless the condition holds."""
    if not condition:
        raise DataError(message)


def require_keys(row: Any, keys: Iterable[str], where: str) -> dict[str, Any]:
    """The row, which must be an object with all these keys.

    Args:
        row: what was read.
        keys: the keys it needs.
        where: the row, for the message.

    Raises:
        DataError: it is not an object, or lacks a key.
    """
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object, got {type(row).__name__}")
    if missing := [key for key in keys if key not in row]:
        raise DataError(f"{where}: has no {missing[0]!r}; it has {quoted(row)}")
    return row
