"""JSON Lines files: one JSON value per line, gzipped if the file name ends in `.gz`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.files import atomic_write


def located_json_lines(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Read a JSON Lines file: (`FILE:LINE`, value) pairs. Raises as `read_json_lines`."""
    return ((f"{path}:{number}", data) for number, data in read_json_lines(path))


def read_json_lines(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Read a JSON Lines file lazily: (line number from 1, value) pairs; blank lines are skipped.

    Raises:
        DataError: the file cannot be read, or a line is not JSON; the message names file and line.
    """
    opener: Any = gzip.open if str(path).endswith(".gz") else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}:{number}: not JSON: {error.msg} at column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number + 1}: not in UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def write_json_lines(path: str | Path, objects: Iterable[Any]) -> None:
    """Write one object per line; equal objects give identical files. An existing file is replaced atomically."""
    data = "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects).encode()
    with atomic_write(path) as new:
        new.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
