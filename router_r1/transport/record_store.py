"""The record store: one SQLite file that holds calls by `Request.key` (model, messages, sampling, sample index).

Each record is one transaction in write-ahead mode: several processes may write into one store, and a process killed in
the middle of a write leaves every finished row readable. Network file systems do not work, because SQLite's write-ahead
mode needs locks that they do not provide.

A store that nothing can be written to (a read-only mount, folder or file) can be read: SQLite then takes the file as
immutable. If a writer left its write-ahead log beside the file, the newest records are there and need a writable copy.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from router_r1.errors import StoreError, one_line
from router_r1.files import check_input
from router_r1.json_text import parse_json
from router_r1.transport.messages import Attempt, Request, Response

_VERSION = 1
_APPLICATION_ID = 0x52523152
"""Marks the file as a record store, in the application id of the SQLite header."""
_BUSY_S = 60.0
"""Seconds to wait for another process that holds the lock."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key        TEXT PRIMARY KEY,
    ok         INTEGER NOT NULL,
    request    TEXT NOT NULL,
    response   TEXT NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID
"""
_PUT = """
INSERT INTO records (key, ok, request, response, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET ok = excluded.ok, response = excluded.response, created_at = excluded.created_at
WHERE records.ok < excluded.ok
"""
_CLAIMS = """
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID
"""
_CLAIM = """
INSERT INTO claims (key, owner, expires_at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE claims.expires_at < ?
"""


@dataclass(frozen=True)
class Record:
    """One recorded call: the response, and the attempts it took."""

    __pydantic_config__ = ConfigDict(allow_inf_nan=False)

    response: Response
    attempts: tuple[Attempt, ...]
    created_at: float
    """Unix time in seconds."""

    def to_json(self) -> str:
        """The record as a JSON object, without the dollars: prices change, answers do not."""
        return _adapter().dump_json(self, exclude={"response": {"cost_usd"}}).decode()

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The inverse of `to_json`. Raises `ValueError`, with a message of one line, for any other text."""
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(one_line(f"{where}{': ' * bool(where)}{first['msg']}")) from None


@functools.cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


class RecordStore:
    """A file of records, safe to share between threads and processes."""

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        """
        Args:
            path: the SQLite file.
            create: create a missing file with its folders, and write to it; if False, a missing file is an error, and
                the file need not be writable.

        Raises:
            StoreError: the file is missing, not readable, not a record store, or should be written to and cannot.
        """
        self.path = Path(path)
        self._create = create
        self._check_file()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        with self._using():
            pass

    def _check_file(self) -> None:
        """Raise `StoreError` for a file that SQLite would wait for, or could not write to once answers are paid for."""
        try:
            if self.path.exists():
                check_input(self.path)
            elif not self._create:
                raise StoreError(
                    f"{self.path}: no such record store; record one first, or correct the path"
                )
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"{self.path}: unable to open: {error.strerror}; expected a record store"
            ) from error
        if self._create and self.path.exists() and not self._writable:
            raise StoreError(f"{self.path}: cannot be written; record to another path")

    @property
    def _writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection of this process, for one thread at a time. Turns every SQLite error into a `StoreError`."""
        with self._lock:
            try:
                # SQLite connections must not be carried across a fork.
                if self._connection is None or self._pid != os.getpid():
                    self._connection, self._pid = self._open(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, StoreError):
                    raise
                raise StoreError(
                    f"{self.path}: cannot be used as a record store: {error}"
                ) from error

    def _open(self) -> sqlite3.Connection:
        if self._create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._uri(), uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            if not self._is_store(connection):
                if not self._create:
                    raise StoreError(f"{self.path}: the file is empty; record something first")
                self._create_schema(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _uri(self) -> str:
        """What SQLite opens: the file, as immutable if it cannot be written."""
        uri = self.path.absolute().as_uri()
        if self._create or self._writable:
            return uri
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{self.path}: its newest records are in {log.name}, which can be read only where files can be written; "
                f"copy both to a writable folder"
            )
        return f"{uri}?mode=ro&immutable=1"

    def _is_store(self, connection: sqlite3.Connection) -> bool:
        """False for an empty file. Only reads, so that a file of another kind is left as it was.

        Raises:
            StoreError: the file is another database, or a store of another version.
        """
        # One transaction, because another process may be creating the schema.
        connection.execute("BEGIN")
        kind = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        connection.execute("ROLLBACK")
        if (kind, version, tables) == (0, 0, 0):
            return False
        if kind != _APPLICATION_ID:
            raise StoreError(
                f"{self.path}: an SQLite file, but not a record store; choose another path"
            )
        if version != _VERSION:
            raise StoreError(
                f"{self.path}: written by another version (format {version}, "
                f"this version reads {_VERSION}); record again"
            )
        return True

    def _create_schema(self, connection: sqlite3.Connection) -> None:
        """Create the table in one transaction; another process may be doing the same."""
        give_up = time.monotonic() + _BUSY_S
        while True:
            try:
                # Unlike other statements, this one does not wait for another process.
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")

    def get(self, key: str) -> Record | None:
        """The record of a request by its `Request.key`, or None. Raises `StoreError` for an unreadable one."""
        query = "SELECT response FROM records WHERE key = ?"
        with self._using() as connection:
            row = connection.execute(query, (key,)).fetchone()
        return None if row is None else self._read(key, row[0])

    def _read(self, key: str, text: str) -> Record:
        try:
            return Record.from_json(text)
        except (ValueError, TypeError) as error:  # a column of SQLite holds any type
            raise StoreError(
                one_line(f"{self.path}: row {key} is not a record: {error}")
            ) from error

    def put(self, request: Request, record: Record) -> None:
        """Store a record. The first answer to a request stays; an answer replaces a failure."""
        row = (request.key, int(record.response.ok), request.canonical_json(), record.to_json())
        with self._using() as connection:
            connection.execute(_PUT, (*row, record.created_at))

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Take the claim on a request for some seconds; False if another owner has it. See `request_claims.py`."""
        now = time.time()
        with self._using() as connection:
            connection.execute(_CLAIMS)
            # Those who wait ask often, so they only read: writers would wait for them.
            taken = "SELECT 1 FROM claims WHERE key = ? AND expires_at >= ?"
            if connection.execute(taken, (key, now)).fetchone():
                return False
            return connection.execute(_CLAIM, (key, owner, now + seconds, now)).rowcount == 1

    def renew_claims(self, owner: str, seconds: float) -> None:
        """Keep all claims of an owner for some seconds from now."""
        with self._using() as connection:
            update = "UPDATE claims SET expires_at = ? WHERE owner = ?"
            connection.execute(update, (time.time() + seconds, owner))

    def release(self, key: str, owner: str) -> None:
        """Give up a claim."""
        with self._using() as connection:
            connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, owner))

    def __len__(self) -> int:
        with self._using() as connection:
            count = connection.execute("SELECT count(*) FROM records").fetchone()[0]
        return int(count)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Record]]:
        """All requests as dictionaries, with their records, in order of time."""
        query = "SELECT key, request, response FROM records ORDER BY created_at, key"
        with self._using() as connection:
            rows = connection.execute(query).fetchall()
        for key, request, response in rows:
            record = self._read(key, response)
            try:
                asked = parse_json(request)
                if not isinstance(asked, dict):
                    raise TypeError(f"expected an object, got {type(asked).__name__}")
            except (ValueError, TypeError) as error:
                problem = f"{self.path}: row {key} has no request: {error}"
                raise StoreError(one_line(problem)) from error
            yield asked, record

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None
