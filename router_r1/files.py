"""Files that are never half of something: written beside and put in place, or cut back to their last whole line.

Not covered: what is in them, and who may write at the same time (`trace.py` and the folder of a run have locks).
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
def replacing(path: str | Path) -> Iterator[Path]:
    """Where to write what shall stand at `path`: it takes its place when the block ends. If the block fails (a full disk), what was there stays.

    The folder is made. What is no file, e.g. a pipe, is written to as it is.
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
    """Write a JSON file that people read too, whole or not at all."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=2) + "\n")


def drop_unfinished_line(file: int, path: str | Path) -> None:
    """Cut off the half line that a writer left who was killed in mid-write: what it says was never written.

    Args:
        file: descriptor, open for reading and writing.
        path: its name, for the warning.
    """
    size = os.fstat(file).st_size
    end = size
    while end > 0 and os.pread(file, 1, end - 1) != b"\n":
        start = max(0, end - 65536)
        end = start + os.pread(file, end - start, start).rfind(b"\n") + 1
    if end < size:
        log.warning("%s: dropped %d bytes of an unfinished line", path, size - end)
        os.ftruncate(file, end)
