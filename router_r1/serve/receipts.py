"""Receipts: one row for every request that the gateway answered, with every attempt it paid for.

A row is written when its request ends, also if the client has left, and before a whole reply is sent. A process that is
killed loses the rows of the requests in flight and no others; a request has one id and so at most one row.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from router_r1.errors import StoreError
from router_r1.ledger import Ledger, LedgerEntry

log = logging.getLogger("router_r1.serve")

_SCHEMA = """
create table if not exists receipts (
    id text primary key, at real not null, key text not null, endpoint text not null, asked text not null,
    route text not null, rounds integer not null, status integer not null, outcome text not null,
    prompt integer not null, completion integer not null, cost_usd real not null, single_usd real, seconds real not null,
    hops text not null, session text not null, answered_by text not null
) strict;
create index if not exists receipts_session on receipts(session, at) where session != '';
"""
_ids = random.Random(os.urandom(32))
"""Ids are unique and no secrets, and the kernel's random numbers cost as much as all else about a receipt."""
_LAST_MS = 16**12 - 1
_BUSY_S = 0.001
"""Receipts that come so soon after the last ones are many: they wait to share a transaction."""
_GATHER_S = 0.004
"""Seconds they wait."""
GroupBy = Literal["day", "key", "model", "asked"]
_GROUPS: dict[GroupBy, str] = {
    "day": "date(at, 'unixepoch')",
    "key": "key",
    "asked": "asked",
    "model": "json_extract(value, '$.model')",
}


@dataclass(frozen=True)
class Hop:
    """One attempt at a call."""

    model: str
    role: str
    round: int
    attempt: int
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated: bool
    """Whether the server reported no tokens that can be true."""
    cost_usd: float | None
    billed: bool
    seconds: float

    @classmethod
    def of(cls, entry: LedgerEntry) -> Hop:
        """The hop that a row of the ledger stands for."""
        return cls(
            entry.model,
            entry.role.value,
            entry.round,
            entry.attempt,
            entry.outcome,
            entry.usage.prompt,
            entry.usage.completion,
            entry.usage.cached,
            entry.usage.estimated,
            entry.cost_usd,
            entry.billed,
            round(entry.latency_s, 4),
        )


@dataclass
class Receipt:
    """What one request asked for, who was asked, and what it cost."""

    id: str
    key: str = ""
    """Name of the API key; empty without keys."""
    endpoint: str = ""
    """The path, e.g. `/v1/chat/completions`."""
    asked: str = ""
    """The model that the client named."""
    rounds: int = 0
    status: int = 0
    outcome: str = ""
    """`ok`, a stop reason, or the code of an error."""
    single_usd: float | None = None
    """What the best single model would have cost, estimated: the same prompt and an answer of the same length."""
    session: str = ""
    """The conversation it belongs to; empty if nobody asked."""
    answered_by: str = ""
    """The candidate whose reply is the answer; empty if there is none."""
    at: float = field(default_factory=time.time)
    """Unix time in seconds, when the request came."""
    ledger: Ledger = field(default_factory=Ledger)
    began: float = field(default_factory=time.monotonic)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every attempt, in order."""
        return tuple(map(Hop.of, self.ledger))

    @property
    def route(self) -> tuple[str, ...]:
        """The candidates that were asked, in order, each once."""
        return tuple(dict.fromkeys(e.model for e in self.ledger if e.role.value != "policy"))

    @property
    def cost_usd(self) -> float:
        """Dollars of all attempts, failed ones included."""
        return self.ledger.cost_usd()

    def as_json(self) -> dict[str, Any]:
        """The receipt for a client."""
        return {
            "request_id": self.id,
            "model": self.asked,
            "route": list(self.route),
            "rounds": self.rounds,
            "outcome": self.outcome,
            "cost_usd": round(self.cost_usd, 10),
            "best_single_usd": self.single_usd,
            "hops": [asdict(hop) for hop in self.hops],
        }


@dataclass(frozen=True)
class Total:
    """The sum of the receipts of one group."""

    group: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    single_usd: float | None
    """What the best single model would have cost; None where receipts are summed by model."""


@dataclass(frozen=True)
class LastAnswer:
    """Who gave the last answer in a conversation, and when."""

    model: str
    at: float
    """Unix time in seconds."""


class ReceiptStore:
    """An SQLite file of receipts, which several processes may write to."""

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        """Open the file. Raises `StoreError` if it cannot be opened, or is no file of receipts."""
        self.path = Path(path)
        if not create and not self.path.exists():
            raise StoreError(f"{path}: there is no such file of receipts")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: cannot be used for receipts: {error}") from error
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, "receipts")
        self._waiting: list[tuple[Receipt, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._written_at = -1.0

    def add(self, *receipts: Receipt) -> None:
        """Write receipts, all in one transaction. Raises `StoreError` if that fails; none is written then."""
        rows = [_row(receipt) for receipt in receipts]
        insert = f"insert into receipts values ({','.join('?' * len(rows[0]))})"
        try:
            with self._lock:
                self._db.execute("begin immediate")
                try:
                    self._db.executemany(insert, rows)
                    self._db.execute("commit")
                except BaseException:
                    self._db.execute("rollback")
                    raise
        except (sqlite3.Error, OverflowError) as error:
            ids = ", ".join(receipt.id for receipt in receipts)
            raise StoreError(f"{self.path}: not written: receipts of {ids}: {error}") from error

    async def write(self, receipt: Receipt) -> None:
        """Write a receipt without holding the event loop; those that end meanwhile share a transaction.

        A caller that is cancelled has its receipt written all the same.

        Raises:
            StoreError: it could not be written.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((receipt, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())
        await written

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._written_at < _BUSY_S:
            await asyncio.sleep(_GATHER_S)
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await loop.run_in_executor(self._writer, self.add, *(each for each, _ in batch))
            except Exception as failed:  # whoever waits gets it, whatever it is
                error = failed
            for _, written in batch:
                if not written.done():
                    written.set_result(None) if error is None else written.set_exception(error)
            self._written_at = loop.time()

    def totals(
        self, by: Sequence[GroupBy] = ("day",), since: float = 0.0, until: float = 1e18
    ) -> tuple[Total, ...]:
        """Sums of receipts.

        Args:
            by: how to group: by day (UTC), key, model that was called, or model that was asked for.
            since: Unix time from which receipts count.
            until: Unix time before which receipts count.

        Raises:
            StoreError: the file cannot be read.
        """
        group = " || '  ' || ".join(_GROUPS[name] for name in by)
        if "model" in by:
            fields = (
                "count(distinct receipts.id), sum(json_extract(value, '$.prompt_tokens')), "
                "sum(json_extract(value, '$.completion_tokens')), sum(coalesce(json_extract(value, '$.cost_usd'), 0)), null"
            )
            source = "receipts, json_each(receipts.hops)"
        else:
            fields = "count(*), sum(prompt), sum(completion), sum(cost_usd), sum(single_usd)"
            source = "receipts"
        query = f"select {group}, {fields} from {source} where receipts.id >= ? and receipts.id < ? group by 1 order by 1"
        try:
            with self._lock:
                rows: Iterable[tuple[Any, ...]] = self._db.execute(
                    query, (_id_at(since), _id_at(until))
                ).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from error
        return tuple(Total(str(row[0]), *row[1:]) for row in rows)

    def last_answer(self, session: str) -> LastAnswer | None:
        """The last answer of a candidate in a conversation; None if there is none, or if the file is busy."""
        query = "select answered_by, at from receipts where session = ? and session != '' and answered_by != '' order by at desc limit 1"
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=0.02)) as reader:
                row = reader.execute(query, (session,)).fetchone()
        except sqlite3.Error as error:
            log.warning("%s: not read, so a saving is not counted: %s", self.path, error)
            return None
        return None if row is None else LastAnswer(*row)

    def find(self, request_id: str) -> dict[str, Any] | None:
        """A receipt by the id of its request, as a dictionary; None if there is none."""
        with self._lock:
            cursor = self._db.execute("select * from receipts where id = ?", (request_id,))
            row = cursor.fetchone()
        if row is None:
            return None
        found = dict(zip([column[0] for column in cursor.description], row, strict=True))
        return found | {"route": json.loads(found["route"]), "hops": json.loads(found["hops"])}

    def close(self) -> None:
        """Finish what is being written, and close the file."""
        self._writer.shutdown()
        self._db.close()


def new_id() -> str:
    """An id of a request. It begins with the time, so that receipts lie in the order in which they came."""
    return f"{_id_at(time.time())}{_ids.getrandbits(80):020x}"


def _id_at(at: float) -> str:
    """What the ids of this Unix time begin with: milliseconds, in hexadecimal."""
    return f"{max(0, min(int(at * 1000), _LAST_MS)):012x}"


def _row(receipt: Receipt) -> tuple[Any, ...]:
    usage = receipt.ledger.usage()
    return (
        receipt.id, receipt.at, receipt.key, receipt.endpoint, receipt.asked, orjson.dumps(receipt.route).decode(),
        receipt.rounds, receipt.status, receipt.outcome, usage.prompt, usage.completion, receipt.cost_usd,
        receipt.single_usd, time.monotonic() - receipt.began,
        orjson.dumps(receipt.hops).decode(),
        receipt.session, receipt.answered_by,
    )  # fmt: skip
