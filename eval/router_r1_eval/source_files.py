"""Files of public data as their authors publish them: text, JSON and CSV, gzipped if the name ends in `.gz`.

JSON Lines are read by `router_r1.data.json_lines`.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.files import read_input
from router_r1.json_text import parse_json


def read_text(path: Path) -> str:
    """The content of a UTF-8 file, without its byte-order mark. Raises `DataError` if it cannot be read."""
    try:
        return read_input(path).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises `DataError` if it cannot be read or is not JSON."""
    text = read_text(path)
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def read_csv(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file; its cells are separated by tabs if it is called `.tsv`.

    Args:
        path: the file.
        columns: the columns that it must have.

    Raises:
        DataError: the file cannot be read, or a column or cell is missing.
    """
    separator = "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
    return parse_csv(read_text(path), str(path), columns, separator)


def parse_csv(
    text: str, where: str, columns: Iterable[str], separator: str = ","
) -> list[dict[str, str]]:
    """The rows of a CSV text.

    Args:
        text: the whole file, with a header.
        where: the name of the file, for messages.
        columns: the columns that it must have.
        separator: stands between two cells.

    Raises:
        DataError: a column or a cell is missing.
    """
    csv.field_size_limit(sys.maxsize)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return _rows(reader, where, columns)
    except csv.Error as error:
        raise DataError(f"{where}: cannot be read as CSV: {error}") from error


def _rows(reader: csv.DictReader[str], where: str, columns: Iterable[str]) -> list[dict[str, str]]:
    header = reader.fieldnames or []
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{where}: two columns are called {twice!r}; rename one")
    if missing := [name for name in columns if name not in header]:
        raise DataError(f"{where}: has no column {missing[0]!r}; it has {quoted(header)}")
    rows = []
    for number, row in enumerate(reader, 2):
        if None in row or None in row.values():
            raise DataError(
                f"{where}: row {number} has a different number of cells than the header"
            )
        rows.append(row)
    return rows


def quoted(names: Iterable[str]) -> str:
    """Names for a message, shortened: in a CSV file without a header they are the first row, which may be long."""
    every = list(names)
    shown = [repr(name if len(name) <= 40 else f"{name[:39]}…") for name in every[:12]]
    return ", ".join([*shown, *(["..."] if len(every) > 12 else [])]) or "none"
