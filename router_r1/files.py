"""Reading files that a user names, atomic writes, and repair of line-based files whose writer was killed.

A named file may be anything: a pipe that never ends, a device, a gzip file that expands a thousandfold. `open_input`,
`read_input` and `input_lines` read regular files only, within limits, and everything that is wrong with a file is an
`OSError` whose `strerror` says what, so that a caller needs one `except`.

Not here: locking; `trace.py` and run folders have their own locks. What the content means is up to the caller.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import logging
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from router_r1.errors import one_line

log = logging.getLogger("router_r1.files")

MOST_BYTES = 4 << 30
"""Bytes of a file that is read as a whole, after decompression."""
MOST_LINE = 64 << 20
"""Bytes of one line."""
MOST_EXPANSION = 300
"""Times its size that a gzip file may expand. Text reaches 10, repetitive tables 100; a bomb has 1,000."""
_ALWAYS_ALLOWED = 64 << 20  # bytes that any gzip file may expand to
_CHUNK = 1 << 20
_KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "Is a directory"),
    (stat.S_ISFIFO, errno.EINVAL, "is a pipe; expected a file"),
    (stat.S_ISSOCK, errno.EINVAL, "is a socket; expected a file"),
    (stat.S_ISCHR, errno.EINVAL, "is a device; expected a file"),
    (stat.S_ISBLK, errno.EINVAL, "is a device; expected a file"),
)


def open_input(path: str | Path) -> BinaryIO:
    """Open a regular file for reading. Raises `OSError` for anything else, without waiting for a pipe's writer."""
    name = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null character, or one that no file name can have
        raise OSError(errno.EINVAL, "is not a file name", name) from error
    except OSError as error:
        if error.errno == errno.ENXIO:  # what opening a socket says
            raise OSError(errno.ENXIO, "is a socket; expected a file", name) from error
        raise
    mode = os.fstat(descriptor).st_mode
    for is_kind, number, problem in _KINDS:
        if is_kind(mode):
            os.close(descriptor)
            raise OSError(number, problem, name)
    return os.fdopen(descriptor, "rb")


def check_input(path: str | Path) -> None:
    """Raise `OSError` unless this is a regular file that can be read; for libraries that open files themselves."""
    open_input(path).close()


def read_input(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file, decompressed if its name ends in `.gz`.

    Args:
        path: the file.
        most: bytes that the content may have.

    Raises:
        OSError: the file cannot be read, is not a regular file, is damaged or too large; `strerror` says which.
    """
    parts, size = [], 0
    with _decompressed(path) as file:
        while part := file.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                raise OSError(errno.EFBIG, f"holds more than {_in_words(most)}", str(path))
            _check_expansion(path, size)
    return b"".join(parts)


def input_lines(path: str | Path) -> Iterator[bytes]:
    """The lines of a regular file with their ends, one at a time. Decompresses and raises as `read_input`."""
    size = 0
    with _decompressed(path) as file:
        while line := file.readline(MOST_LINE + 1):
            size += len(line)
            if len(line) > MOST_LINE:
                problem = f"holds a line of more than {_in_words(MOST_LINE)}"
                raise OSError(errno.EFBIG, problem, str(path))
            _check_expansion(path, size)
            yield line


@contextmanager
def _decompressed(path: str | Path) -> Iterator[io.BufferedIOBase | BinaryIO]:
    with open_input(path) as raw:
        if not str(path).endswith(".gz"):
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as file:
                yield file
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            problem = f"is damaged, or not a gzip file: {one_line(error)}"
            raise OSError(errno.EINVAL, problem, str(path)) from error


def _check_expansion(path: str | Path, size: int) -> None:
    """Raise `OSError` once a gzip file has expanded beyond what data do."""
    if str(path).endswith(".gz") and size > _ALWAYS_ALLOWED:
        compressed = os.stat(path).st_size
        if size > MOST_EXPANSION * compressed:
            problem = f"expands to more than {MOST_EXPANSION} times its size"
            raise OSError(errno.EFBIG, problem, str(path))


def _in_words(size: int) -> str:
    """A number of bytes for a message."""
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Replace a file atomically: write to the path this yields, which replaces `path` when the block succeeds.

    If the block fails (on a full disk, for example), `path` keeps its old content. Missing folders are created. A path
    that exists but is not a regular file, such as a pipe, is written to directly.
    """
    path = Path(
        os.path.realpath(path)
    )  # unlike `resolve`, no error of its own for a link to itself
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
