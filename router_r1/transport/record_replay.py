"""Recording and replay: keeps every answer of a pool in a record store, and answers from it without a network.

Prices are not part of a record: a replay is priced by the pool that replays it. Two candidates with the same model
id share their recordings. The file format is `record_store.py`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from dataclasses import replace
from typing import Literal

from router_r1.errors import ConfigError, ReplayMissError, StoreError
from router_r1.model_cards import ModelSpec
from router_r1.transport.base import Transport
from router_r1.transport.messages import Attempt, Failure, FailureKind, OnAttempt, Request, Response
from router_r1.transport.record_store import Record, RecordStore
from router_r1.transport.request_claims import RequestClaims

log = logging.getLogger("router_r1.transport.record_replay")

OnMiss = Literal["error", "failure", "live"]


class StoreTransport:
    """Answers from a record store. `on_miss` says what happens to a request that is not in it:

    `error`     raise `ReplayMissError`: exact replay
    `failure`   return a `not_recorded` failure, which the episode shows to the policy
    `live`      call the live transport and keep the answer: recording, and resuming a recording

    Failures are kept too, so that a replay repeats them; recording calls again after a kept failure. Equal requests
    that are in flight together are sent once, by whichever process claims them first.
    """

    def __init__(
        self, store: RecordStore, live: Transport | None = None, *, on_miss: OnMiss = "error"
    ) -> None:
        """
        Args:
            store: where the records are.
            live: carries the requests that are not in the store; needed for `live` only.
            on_miss: see above.

        Raises:
            ConfigError: `live` without a live transport.
        """
        if on_miss == "live" and live is None:
            raise ConfigError(
                "on_miss='live' needs a live transport; pass one as `live`, or use 'error' or 'failure'"
            )
        self.store = store
        self.on_miss = on_miss
        self.not_recorded: str | None = None
        """Why answers are missing in the store that should be there, e.g. because the disk is full."""
        self._live = live
        self._claims = RequestClaims(store)
        self._in_flight: weakref.WeakValueDictionary[tuple[int, str], asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """Answer from the store, or as `on_miss` says.

        Args:
            card: the model to call.
            request: what to send, and the key of the record.
            on_attempt: called with every attempt of the record or of the live call.

        Raises:
            ReplayMissError: the request is not in the store, and `on_miss` is `error`.
            StoreError: the store cannot be read. An answer that cannot be written to it was paid for: it is returned,
                and `not_recorded` says why.
        """
        key = request.key
        loop_and_key = (id(asyncio.get_running_loop()), key)
        lock = self._in_flight.setdefault(loop_and_key, asyncio.Lock())
        async with lock:
            record = await asyncio.to_thread(self.store.get, key)
            if record is not None and (record.response.ok or self.on_miss != "live"):
                return _replay(record, on_attempt)
            if self.on_miss == "live" and self._live is not None:
                async with self._claims.hold(key):
                    record = await asyncio.to_thread(self.store.get, key)  # another may have asked
                    if record is not None and record.response.ok:
                        return _replay(record, on_attempt)
                    return await self._record(self._live, card, request, on_attempt)
        if self.on_miss == "failure":
            detail = f"the store has no answer from {card.name} to this request"
            return Response(failure=Failure(FailureKind.NOT_RECORDED, detail), source="replay")
        query = str(request.messages[-1]["content"] if request.messages else request.prompt)
        raise ReplayMissError(
            f"{self.store.path}: no recorded answer of {card.name!r} to {' '.join(query[-80:].split())!r} (sample "
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
            await asyncio.wait([keeping])  # the answer was paid for: keep it
            if self.not_recorded:
                log.error("%s", self.not_recorded)
            raise

    def _keep(self, request: Request, record: Record) -> Response:
        """Store a record and return the stored response, so that the episode continues as a replay will.

        The stored response is another process's if that process stored its own first.
        """
        try:
            self.store.put(request, record)
            kept = self.store.get(request.key)
        except StoreError as error:
            self.not_recorded = f"{error}; this answer is not recorded"
            return record.response
        return record.response if kept is None else kept.response

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Raise `ConfigError` if recording could not call these models. A replay always passes."""
        if self.on_miss == "live" and self._live is not None:
            self._live.check(cards)

    async def aclose(self) -> None:
        """Close the store and the live transport."""
        self.store.close()
        if self._live is not None:
            await self._live.aclose()


def _replay(record: Record, on_attempt: OnAttempt) -> Response:
    """Report the recorded attempts again, as not billed, and return the recorded response."""
    for attempt in record.attempts:
        on_attempt(replace(attempt, billed=False, source="replay", started_at=time.time()))
    return replace(record.response, source="replay")
