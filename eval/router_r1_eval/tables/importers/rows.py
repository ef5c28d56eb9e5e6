"""Rows of recorded answers: checks, conversions, questions and outcomes, with errors that name the row."""

from __future__ import annotations

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


def accepted_answers(gold: Any) -> str | tuple[str, ...]:
    """A gold answer, a list of them, or none, in the form that `Question.answer` takes."""
    listed = gold if isinstance(gold, list) else [gold]
    texts = [str(one) for one in listed if one is not None and str(one).strip()]
    return tuple(texts) if len(texts) > 1 else texts[0] if texts else NOT_PUBLISHED


def estimated_tokens(text: str) -> int:
    """The number of tokens of a text, estimated as characters / 4, rounded up."""
    return -(-len(text) // 4)


def number(value: Any, where: str, what: str) -> float:
    """A number, from a JSON number or the text of a CSV cell; `True` is 1.

    Args:
        value: the cell.
        where: the row, for the message.
        what: the meaning of the cell, for the message.

    Raises:
        DataError: it is not a number, or NaN.
    """
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return float(text == "true")
    try:
        found = float(text)
    except ValueError:
        raise DataError(f"{where}: {what} is {value!r}; expected a number") from None
    if found != found:
        raise DataError(f"{where}: {what} is missing")
    return found


def same_question(text: str) -> str:
    """A question with its white space normalised, to find it in another file."""
    return " ".join(text.split())


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
