"""TODO."""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from router_r1.errors import StoreError
from router_r1.transport.messages import Attempt, Request, Response

if TYPE_CHECKING:
    pass


_VERSION = 1


_APPLICATION_ID = 0x52523152
"""In the header of the file, where SQLite has a place for whose it is."""


_BUSY_S = 60.0


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


@dataclass(frozen=True)
class Record:
    """One kept call: the response as it came, and the attempts it took."""

    response: Response
    attempts: tuple[Attempt, ...]
    created_at: float

    def to_json(self) -> str:
        """A JSON object; `from_json` reads it back. What the tokens cost is left out: prices change, answers do not."""
        return _adapter().dump_json(self, exclude={"response": {"cost_usd"}}).decode()

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Inverse of `to_json`. Raises `ValueError` for anything else."""
        return _adapter().validate_json(text)


@functools.cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


class RecordStore:
    """A file of records. Safe to share between threads and processes."""

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        """
        Args:
            path: the SQLite file.
            create: make it when it is not there; otherwise its absence is an error.

        Raises:
            StoreError: not there, not readable, or not a record store.
        """
        self.path = Path(path)
        if not create and not self.path.exists():
            raise StoreError(
                f"{self.path}: no such record store; record one first, or correct the path"
            )
        self._create = create
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        with self._using():
            pass

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection of this process, for one thread at a time. Raises `StoreError` for all SQLite can meet."""
        with self._lock:
            try:
                # SQLite's connections may not be carried across a fork.
                if self._connection is None or self._pid != os.getpid():
                    self._connection, self._pid = self._open(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, StoreError):
                    raise
                raise StoreError(
                    f"{self.path}: can not be used as a record store: {error}"
                ) from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            if not self._is_store(connection):
                if not self._create:
                    raise StoreError(f"{self.path}: is empty; record something first")
                self._lay_out(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_store(self, connection: sqlite3.Connection) -> bool:
        """False for an empty file. Only reads: a file that turns out to be something else is left as it was."""
        connection.execute(
            "BEGIN"
        )  # one view of the file, while another process may be laying it out
        kind = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        connection.execute("ROLLBACK")
        if (kind, version, tables) == (0, 0, 0):
            return False
        if kind != _APPLICATION_ID:
            raise StoreError(
                f"{self.path}: is an SQLite file, but not a record store; choose another path"
            )
        if version != _VERSION:
            raise StoreError(
                f"{self.path}: written by another version (format {version}, this one reads {_VERSION}); record anew"
            )
        return True

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        """Make the table, all or nothing; another process may be doing the same."""
        give_up = time.monotonic() + _BUSY_S
        while True:
            try:
                # Does not wait for another process by itself, as other statements do.
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
        """The record of a request, or None."""
        query = "SELECT response FROM records WHERE key = ?"
        with self._using() as connection:
            row = connection.execute(query, (key,)).fetchone()
        return None if row is None else self._read(key, row[0])

    def _read(self, key: str, text: str) -> Record:
        try:
            return Record.from_json(text)
        except ValueError as error:
            raise StoreError(f"{self.path}: the row {key} is not a record: {error!r}") from error

    def put(self, request: Request, record: Record) -> None:
        """Keep a record. The first answer to a request stays; an answer replaces a failure."""
        row = (request.key, int(record.response.ok), request.canonical_json(), record.to_json())
        with self._using() as connection:
            connection.execute(_PUT, (*row, record.created_at))

    def __len__(self) -> int:
        with self._using() as connection:
            count = connection.execute("SELECT count(*) FROM records").fetchone()[0]
        return int(count)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Record]]:
        """All requests, as dictionaries, and their records, in order of time."""
        query = "SELECT key, request, response FROM records ORDER BY created_at, key"
        with self._using() as connection:
            rows = connection.execute(query).fetchall()
        for key, request, response in rows:
            yield json.loads(request), self._read(key, response)

    def close(self) -> None:
        """Close the file; it opens again by itself when used."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None
