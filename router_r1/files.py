"""Atomic writes, and repair of line-based files whose writer was killed.

Not here: locking; `trace.py` and run folders have their own locks.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger("router_r1.files")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Replace a file atomically: write to the path this yields, which replaces `path` when the block succeeds.

    If the block fails (on a full disk, for example), `path` keeps its old content. Missing folders are created. A path
    that exists but is not a regular file, such as a pipe, is written to directly.
    """
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        yield path
        return
    new = path.with_name(f"{path.name}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write an indented JSON file atomically."""
    with atomic_write(path) as new:
        new.write_text(json.dumps(content, indent=2) + "\n")


def drop_unfinished_line(file: int, path: str | Path) -> None:
    """Truncate a file after its last complete line, in case its writer was killed in the middle of one.

    Args:
        file: descriptor, open for reading and writing.
        path: name of the file, for the warning.
    """
    size = os.fstat(file).st_size
    end = size
    while end > 0 and os.pread(file, 1, end - 1) != b"\n":
        start = max(0, end - 65536)
        end = start + os.pread(file, end - start, start).rfind(b"\n") + 1
    if end < size:
        log.warning("%s: dropped %d bytes of an unfinished line", path, size - end)
        os.ftruncate(file, end)
