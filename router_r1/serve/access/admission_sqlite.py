"""Admission by an SQLite file: exact for all processes of one machine, and kept across restarts.

Each admission and each settlement is one transaction that holds the file's write lock from its start, for a fraction of
a millisecond. It runs in a thread of its own, so that a process that waits for the lock does not hold up its event
loop. A killed process loses nothing that was committed. After a power failure, the last moments may be missing: the
disk is not awaited at each commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from router_r1.serve.access.admission import (
    KEPT_S,
    NANOUSD,
    PERIOD_LENGTH,
    UNITS,
    budget_exceeded,
    check_size,
    check_tokens,
    lapse_ms,
    nanousd,
    periods_of,
    rate_limited,
    utc_day,
)
from router_r1.serve.access.database import open_database, store_errors, transaction
from router_r1.serve.access.errors import StoreUnavailableError
from router_r1.serve.access.keys import Key, Period

log = logging.getLogger("router_r1.serve.access.admission")

T = TypeVar("T")

_APPLICATION_ID = 0x52523154
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS reservations (request_id TEXT PRIMARY KEY, key TEXT NOT NULL, day TEXT NOT NULL, "
    "nanousd INTEGER NOT NULL, tokens INTEGER NOT NULL, tokens_per_minute INTEGER, lapses_at INTEGER NOT NULL) "
    "WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS open_reservations ON reservations (key, lapses_at, day, nanousd)",
    "CREATE TABLE IF NOT EXISTS spending (key TEXT NOT NULL, period TEXT NOT NULL, nanousd INTEGER NOT NULL, "
    "PRIMARY KEY (key, period)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS buckets (key TEXT NOT NULL, kind TEXT NOT NULL, level INTEGER NOT NULL, "
    "at INTEGER NOT NULL, PRIMARY KEY (key, kind)) WITHOUT ROWID",
)
_RESERVED = (
    "SELECT coalesce(sum(nanousd), 0) FROM reservations "
    "WHERE key = ? AND lapses_at > ? AND substr(day, 1, ?) = ?"
)
_SPEND = (
    "INSERT INTO spending (key, period, nanousd) VALUES (?, ?, ?) "
    "ON CONFLICT (key, period) DO UPDATE SET nanousd = nanousd + excluded.nanousd"
)


class SqliteAdmission:
    """Counts requests, tokens and dollars in a file. Each process makes its own, after it has forked."""

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        """
        Args:
            path: the SQLite file; a missing one is created, readable by its owner only.
            clock: Unix time in seconds; the same for all processes that share the file.

        Raises:
            StoreUnavailableError: the file cannot be used.
        """
        self.path = Path(path)
        self._clock = clock
        self._database = open_database(self.path, application_id=_APPLICATION_ID, schema=_SCHEMA)
        with store_errors(self.path):
            self._database.execute("PRAGMA synchronous = NORMAL")
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="admission")

    async def admit(
        self, key: Key, request_id: str, *, tokens: int, usd: float, lapses_in_s: float
    ) -> None:
        """See `Admission.admit`."""
        check_tokens(tokens)
        check_size(key, tokens)
        work = partial(self._admit, key, request_id, tokens, nanousd(usd), lapse_ms(lapses_in_s))
        job = self._thread.submit(work)
        try:
            await asyncio.shield(asyncio.wrap_future(job))
        except asyncio.CancelledError:
            self._thread.submit(self._release, job, request_id)
            raise

    async def settle(self, request_id: str, *, tokens: int, usd: float) -> None:
        """See `Admission.settle`."""
        check_tokens(tokens)
        await self._in_thread(partial(self._settle, request_id, tokens, nanousd(usd)))

    async def spent(self, key: Key, period: Period | None = None) -> float:
        """See `Admission.spent`."""
        name = utc_day(self._clock())[: PERIOD_LENGTH[period or key.limits.budget_period]]
        return await self._in_thread(partial(self._spent, key.name, name)) / NANOUSD

    async def aclose(self) -> None:
        """See `Admission.aclose`."""
        if not self._closed:
            self._closed = True
            await self._in_thread(self._database.close)
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run in the thread; a caller that is cancelled stops waiting, and the work is done all the same."""
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(work)))

    def _admit(self, key: Key, request_id: str, tokens: int, most: int, lapses_in_ms: int) -> None:
        limits, database = key.limits, self._database
        with store_errors(self.path), transaction(database):
            seconds = self._clock()  # with the lock held, so that times never go backwards
            now, day = int(seconds * 1000), utc_day(seconds)
            forgotten = (key.name, now - int(KEPT_S * 1000))
            database.execute("DELETE FROM reservations WHERE key = ? AND lapses_at < ?", forgotten)
            query = "SELECT 1 FROM reservations WHERE request_id = ?"
            if database.execute(query, (request_id,)).fetchone():
                raise ValueError(f"request {request_id!r} was admitted before; use a new id")
            if limits.budget_usd is not None:
                length = PERIOD_LENGTH[limits.budget_period]
                spent = self._spent(key.name, day[:length])
                held = database.execute(_RESERVED, (key.name, now, length, day[:length]))
                reserved = int(held.fetchone()[0])
                if spent + reserved + most > nanousd(limits.budget_usd):
                    raise budget_exceeded(key, day, spent, reserved, most)
            left_requests = (
                self._left(key.name, "requests", limits.requests_per_minute, now) - UNITS
            )
            left_tokens = (
                self._left(key.name, "tokens", limits.tokens_per_minute, now) - UNITS * tokens
            )
            waits = (
                _wait_ms(left_requests, limits.requests_per_minute),
                _wait_ms(left_tokens, limits.tokens_per_minute),
            )
            if any(waits):
                raise rate_limited(key, *waits, tokens)
            self._keep(key.name, "requests", limits.requests_per_minute, left_requests, now)
            self._keep(key.name, "tokens", limits.tokens_per_minute, left_tokens, now)
            row = (request_id, key.name, day, most, tokens, limits.tokens_per_minute)
            insert = "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?)"
            database.execute(insert, (*row, now + lapses_in_ms))

    def _settle(self, request_id: str, tokens: int, cost: int) -> None:
        with store_errors(self.path), transaction(self._database):
            query = (
                "SELECT key, day, tokens, tokens_per_minute FROM reservations WHERE request_id = ?"
            )
            found = self._database.execute(query, (request_id,)).fetchone()
            if found is None:
                log.info("request %s is not open: settled before, or never admitted", request_id)
                return
            name, day, reserved, limit = found
            delete = "DELETE FROM reservations WHERE request_id = ?"
            self._database.execute(delete, (request_id,))
            if cost:
                rows = [(name, period, cost) for period in periods_of(day)]
                self._database.executemany(_SPEND, rows)
            if limit is not None and tokens != reserved:
                now = int(self._clock() * 1000)
                level = self._left(name, "tokens", limit, now) + UNITS * (reserved - tokens)
                self._keep(name, "tokens", limit, min(level, UNITS * limit), now)

    def _release(self, admission: Future[None], request_id: str) -> None:
        """Give back what was reserved for a caller that no longer waits; the admission has ended by now."""
        if admission.exception() is not None:
            return  # nothing was reserved, or the id belongs to another request
        try:
            self._settle(request_id, 0, 0)
        except StoreUnavailableError as error:
            log.warning("request %s is not released before it lapses: %s", request_id, error)

    def _spent(self, name: str, period: str) -> int:
        """Nanodollars that are settled in a period."""
        query = "SELECT nanousd FROM spending WHERE key = ? AND period = ?"
        with store_errors(self.path):
            row = self._database.execute(query, (name, period)).fetchone()
        return 0 if row is None else int(row[0])

    def _left(self, name: str, kind: str, limit: int | None, now: int) -> int:
        """Units in a bucket; 0 without a limit."""
        if limit is None:
            return 0
        query = "SELECT level, at FROM buckets WHERE key = ? AND kind = ?"
        row = self._database.execute(query, (name, kind)).fetchone()
        if row is None:
            return UNITS * limit
        level, at = row
        return int(min(UNITS * limit, level + limit * max(0, now - at)))

    def _keep(self, name: str, kind: str, limit: int | None, level: int, now: int) -> None:
        """Write the level of a bucket; nothing without a limit."""
        if limit is not None:
            row = (name, kind, level, now)
            self._database.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", row)


def _wait_ms(left: int, limit: int | None) -> int:
    """Milliseconds until a bucket that lacks `-left` units has them; 0 if it lacks none, or without a limit."""
    return 0 if limit is None or left >= 0 else -(left // limit)
