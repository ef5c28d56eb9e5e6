"""Rows of a benchmark's source, and how to read their cells. All readers raise `DataError` without file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from router_r1.errors import DataError

SourceRow = Mapping[str, Any]

PART = "@part"
"""The loader stores the part of the benchmark (a task, a year) under this key of each row."""
SPLIT = "@split"
"""The loader stores the requested split under this key of each row."""


def cell(row: SourceRow, *keys: str) -> Any:
    """The value of the first of these columns that the row has. Raises `DataError` if it has none of them."""
    for key in keys:
        if row.get(key) is not None:
            return row[key]
    has = ", ".join(repr(key) for key in row if not key.startswith("@")) or "nothing"
    wanted = " or ".join(map(repr, keys))
    raise DataError(f"the row has no {wanted}; it has {has}")


def text(row: SourceRow, *keys: str) -> str:
    """The first of these columns, as a non-empty text."""
    found = cell(row, *keys)
    if not isinstance(found, str) or not found.strip():
        raise DataError(f"{keys[0]!r} is {found!r}; expected a text")
    return found.strip()


def texts(row: SourceRow, *keys: str) -> list[str]:
    """The first of these columns, as a list of texts."""
    found = cell(row, *keys)
    if not isinstance(found, (list, tuple)) or not all(isinstance(t, str) for t in found):
        raise DataError(f"{keys[0]!r} is {found!r}; expected a list of texts")
    return list(found)


def integer(row: SourceRow, *keys: str) -> int:
    """The first of these columns, as a whole number: a number, or the text of a CSV cell."""
    found = cell(row, *keys)
    try:
        return int(str(found))
    except ValueError:
        raise DataError(f"{keys[0]!r} is {found!r}; expected a whole number") from None


def optional_text(row: SourceRow, *keys: str) -> str | None:
    """The first of these columns that is not empty, as a text; None if all are."""
    return next((str(row[key]) for key in keys if row.get(key)), None)


def part(row: SourceRow) -> str:
    """The part of the benchmark that a row belongs to: from its file, or from the column `task`."""
    return str(row[PART]) if row.get(PART) is not None else text(row, "task")


def fingerprint(*texts: str) -> str:
    """A key for a question without an id: a hash of its texts, the same for any white space."""
    joined = "\x1f".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
