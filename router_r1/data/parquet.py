"""Parquet files: the columnar form of question files and outcome tables.

A row is an object whose fields are texts, lists of texts, numbers, counts or flags. Parquet cannot tell a null from a
missing field, so both mean a missing field. Needs pyarrow, the extra `parquet`, imported when the first file is opened.

Not here: what the rows mean (`questions.py`, `outcome_table.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from router_r1.errors import DataError, MissingDependencyError
from router_r1.files import atomic_write, check_input

SUFFIX = ".parquet"
Columns = Mapping[str, Literal["text", "texts", "number", "count", "flag"]]
"""Column name -> the kind of its values."""
_BATCH = 4096  # rows in memory at a time


def read_parquet(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file lazily: (row number from 1, row) pairs; null fields are left out.

    Raises:
        DataError: the file cannot be read; the message names it.
        MissingDependencyError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    number = 0
    try:
        check_input(path)
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: value for name, value in row.items() if value is not None}
    except (OSError, arrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read after row {number}: {error}") from error


def write_parquet(path: str | Path, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a file; equal rows give identical files. A field that a row lacks, or that is None, is null.

    Args:
        path: the file; an existing one is replaced atomically.
        columns: the columns and their kinds.
        rows: the rows; fields that are not columns are dropped.

    Raises:
        DataError: a value does not fit its column, e.g. a count beyond 64 bits.
        MissingDependencyError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    kinds = {
        "text": arrow.string(),
        "texts": arrow.list_(arrow.string()),
        "number": arrow.float64(),
        "count": arrow.int64(),
        "flag": arrow.bool_(),
    }
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    try:
        table = arrow.Table.from_pylist(list(rows), schema=schema)
    except (arrow.ArrowException, OverflowError) as error:
        raise DataError(f"{path}: a value does not fit its column: {error}") from error
    with atomic_write(path) as new:
        parquet.write_table(table, new, compression="zstd")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            "parquet files need pyarrow: pip install 'router-r1[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet
