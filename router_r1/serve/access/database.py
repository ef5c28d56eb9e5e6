"""SQLite files of the gateway: how they are created, opened, and written in one transaction.

A file is in write-ahead mode, so that readers and the one writer do not wait for each other, and only its owner may
read it. Its header says what it holds: a file of another kind is refused and left as it was. Network file systems do
not work, because write-ahead mode needs shared memory. The tables and what they mean are up to `keys.py` and
`admission_sqlite.py`.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from router_r1.errors import one_line
from router_r1.files import check_input
from router_r1.serve.access.errors import StoreUnavailableError

BUSY_S = 10.0
"""Seconds to wait for another process that is writing."""
_VERSION = 1


def open_database(
    path: Path, *, application_id: int, schema: Sequence[str], create: bool = True
) -> sqlite3.Connection:
    """Open a file; no transaction is open unless `transaction` begins one.

    Args:
        path: the file. A missing one is created with its folders, readable by its owner only.
        application_id: marks the file as one of this kind, in the header that SQLite keeps for that.
        schema: `CREATE ... IF NOT EXISTS` statements.
        create: if False, a missing file is an error.

    Raises:
        StoreUnavailableError: the file is missing, not readable, or holds something else.
    """
    with store_errors(path):
        if create:
            _create_empty(path)
        elif not path.exists():
            raise StoreUnavailableError(f"{path}: no such file; correct the path")
        check_input(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            if _is_empty(connection, path, application_id):
                _set_up(connection, application_id, schema)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a `StoreUnavailableError` that names the file."""
    try:
        yield
    except StoreUnavailableError:
        raise
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        text = f"{path}: cannot be used: {reason}; check that it is a file of the gateway and can be written"
        raise StoreUnavailableError(one_line(text)) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the start, so that what is read stays true until it is written; undo after an error."""
    _begin(connection)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin(connection: sqlite3.Connection) -> None:
    """Take the write lock, within `BUSY_S`.

    SQLite's own waiting sleeps up to a tenth of a second between two tries, longer each time, so that those who have
    waited longest get the lock last. Here the tries stay short and random.
    """
    give_up = time.monotonic() + BUSY_S
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > give_up:
                    raise
                time.sleep(random.uniform(0.0001, 0.001))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")


def _create_empty(path: Path) -> None:
    """Create an empty file for its owner only; SQLite gives its two companions the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _is_empty(connection: sqlite3.Connection, path: Path, application_id: int) -> bool:
    """Whether nothing was written yet. Raises `StoreUnavailableError` for another kind of file, or a later version."""
    connection.execute("BEGIN")  # one view of the file, which another process may be setting up
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if (kind, version, tables) == (0, 0, 0):
        return True
    if kind != application_id:
        raise StoreUnavailableError(f"{path}: an SQLite file of another kind; choose another path")
    if version != _VERSION:
        raise StoreUnavailableError(
            f"{path}: has format {version}, and this version reads {_VERSION}; install the version that wrote it"
        )
    return False


def _set_up(connection: sqlite3.Connection, application_id: int, schema: Sequence[str]) -> None:
    """Create the tables; another process may be doing the same."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")  # does not wait for another process
            break
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    with transaction(connection):
        for statement in schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
