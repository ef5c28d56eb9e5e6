"""TODO."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.files import atomic_write


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
    with atomic_write(path) as new:
        new.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
