"""JSON Lines files: one JSON value per line, gzipped if the file name ends in `.gz`."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.files import atomic_write, input_lines
from router_r1.json_text import parse_json


def located_json_lines(path: str | Path) -> Iterator[tuple[str, Any]]:
    """Read a JSON Lines file: (`FILE:LINE`, value) pairs. Raises as `read_json_lines`."""
    return ((f"{path}:{number}", data) for number, data in read_json_lines(path))


def read_json_lines(path: str | Path) -> Iterator[tuple[int, Any]]:
    """Read a JSON Lines file lazily: (line number from 1, value) pairs; blank lines are skipped.

    Raises:
        DataError: the file cannot be read, or a line is not JSON; the message names file and line.
    """
    try:
        for number, line in enumerate(input_lines(path), 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, _parse_line(line, f"{path}:{number}")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _parse_line(line: bytes, where: str) -> Any:
    try:
        text = line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not in UTF-8: {error}") from error
    try:
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}") from error


def write_json_lines(path: str | Path, objects: Iterable[Any]) -> None:
    """Write one object per line; equal objects give identical files. An existing file is replaced atomically."""
    data = "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects).encode()
    with atomic_write(path) as new:
        new.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
