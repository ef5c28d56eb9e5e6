"""Keep every answer of a pool, and give it back without a network.

The store is one SQLite file with JSON values, keyed by `Request.key` (model, messages, sampling parameters, sample
index). Each answer is one transaction in write-ahead mode: processes may record into one store together, and a
process killed in mid-write leaves every finished row readable. Not for network file systems, whose locks SQLite's
write-ahead mode can not use.

Prices are not part of a record: a replay is priced by the pool that replays it. Two candidates with the same model
id share their recordings.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from router_r1.errors import ConfigError, ReplayMissError
from router_r1.transport.base import Transport
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response

if TYPE_CHECKING:
    from router_r1.model_cards import ModelSpec

from router_r1.transport.record_store import Record, RecordStore

log = logging.getLogger("router_r1.transport.record_replay")

OnMiss = Literal["error", "failure", "live"]


class StoreTransport:
    """Answers from a store; what to do about a request that is not in it is `on_miss`.

    `error`     raise `ReplayMissError`: exact replay
    `failure`   a typed `not_recorded` failure, which the episode shows to the policy
    `live`      call the live transport and keep the answer: recording, and resuming a recording

    Failures are kept too, so that a replay sees them, but recording does not take a kept failure for an answer: it
    calls again. Equal requests in flight at once on one event loop are sent once.
    """

    def __init__(
        self, store: RecordStore, live: Transport | None = None, *, on_miss: OnMiss = "error"
    ) -> None:
        if on_miss == "live" and live is None:
            raise ConfigError("on_miss='live' needs a live transport to call")
        self.store = store
        self.on_miss = on_miss
        self._live = live
        self._in_flight: weakref.WeakValueDictionary[tuple[int, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Answer from the store, or see `on_miss`."""
        key = request.key
        place = (id(asyncio.get_running_loop()), key)
        lock = self._in_flight.setdefault(place, asyncio.Lock())
        async with lock:
            record = await asyncio.to_thread(self.store.get, key)
            if record is not None and (record.response.ok or self.on_miss != "live"):
                return _replay(record, on_attempt)
            if self.on_miss == "live" and self._live is not None:
                return await self._record(self._live, card, request, on_attempt)
        if self.on_miss == "failure":
            detail = f"{card.name} was never asked this while recording"
            return Response(failure=Failure(FailureKind.NOT_RECORDED, detail), source="replay")
        asked = request.messages[-1]["content"] if request.messages else str(request.prompt)
        raise ReplayMissError(
            f"{self.store.path}: no recorded answer of {card.name!r} to {' '.join(asked[-80:].split())!r} (sample "
            f"{request.sample_index}) with these messages and settings; record it, or replay with on_miss 'failure'"
        )

    async def _record(
        self, live: Transport, card: ModelSpec, request: Request, on_attempt: OnAttempt
    ) -> Response:
        attempts: list[Attempt] = []

        def keep(attempt: Attempt) -> None:
            attempts.append(attempt)
            on_attempt(attempt)

        response = await live.call(card, request, keep)
        record = Record(response, tuple(attempts), time.time())
        keeping = asyncio.ensure_future(asyncio.to_thread(self._keep, request, record))
        try:
            return await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await asyncio.wait([keeping])  # it was paid for
            if error := keeping.exception():
                log.error(
                    "%s: an answer that was paid for could not be kept: %s", self.store.path, error
                )
            raise

    def _keep(self, request: Request, record: Record) -> Response:
        """Keep a record; returns the response that is kept, which is another's if that came first.

        So the episode goes on from what a replay will say.
        """
        self.store.put(request, record)
        kept = self.store.get(request.key)
        return record.response if kept is None else kept.response

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Recording needs what calling needs; replay needs nothing."""
        if self.on_miss == "live" and self._live is not None:
            self._live.check(cards)

    async def aclose(self) -> None:
        """Close the store, and the live transport under it."""
        self.store.close()
        if self._live is not None:
            await self._live.aclose()


def _replay(record: Record, on_attempt: OnAttempt) -> Response:
    """Book the recorded attempts again, at no expense, and return the recorded response."""
    for attempt in record.attempts:
        on_attempt(replace(attempt, billed=False, source="replay", started_at=time.time()))
    return replace(record.response, source="replay")
