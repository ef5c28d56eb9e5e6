"""Claims on requests: several processes that record into one store do not pay for the same request twice.

A process claims a request in the store before it sends it; another process that wants the same request waits, and then
finds the answer in the store. A claim lapses some seconds after its process has died, and the next process takes it.

Claims save money, no more: a store that cannot be written to is recorded into without them.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router_r1.errors import StoreError
from router_r1.transport.record_store import RecordStore

log = logging.getLogger("router_r1.transport.request_claims")

LEASE_S = 10.0
"""Seconds after which a claim that is not renewed lapses."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5


class RequestClaims:
    """The claims of one process on the requests of one store. Use it from any event loop."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the claim on a request by its `Request.key`.

        Waits while another process has it. What that process stored is then in the store.
        """
        pause = _FIRST_WAIT_S
        renewing: asyncio.Task[None] | None = None
        try:
            while not await asyncio.to_thread(self._store.claim, key, self._owner, LEASE_S):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_WAIT_S)
            renewing = asyncio.ensure_future(self._renew(key))
        except StoreError as error:
            log.warning("%s; other processes may send the same request", error)
        try:
            yield
        finally:
            if renewing is not None:
                renewing.cancel()
                await asyncio.shield(asyncio.to_thread(self._release, key))

    async def _renew(self, key: str) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            try:
                await asyncio.to_thread(self._store.claim, key, self._owner, LEASE_S)
            except StoreError as error:
                log.warning("%s; other processes may send the same request", error)

    def _release(self, key: str) -> None:
        try:
            self._store.release(key, self._owner)
        except StoreError as error:
            log.warning("%s; the claim lapses in %g s", error, LEASE_S)
