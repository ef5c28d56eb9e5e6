"""Claims on requests: several processes that record into one store do not pay for the same request twice.

A process claims a request in the store before it sends it; another process that wants the same request waits, and then
finds the answer in the store. A claim lapses some seconds after its process has died, and the next process takes it.

Claims save money, no more: a store that cannot be written to is recorded into without them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router_r1.errors import StoreError
from router_r1.transport.record_store import RecordStore

log = logging.getLogger("router_r1.transport.request_claims")

LEASE_S = 15.0
"""Seconds after which a claim that is not renewed lapses."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5


class RequestClaims:
    """The claims of one process on the requests of one store. Use it from any event loop."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._held = 0
        self._none_held = threading.Event()

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the claim on a request by its `Request.key`.

        Waits while another process has it. What that process stored is then in the store.
        """
        pause = _FIRST_WAIT_S
        try:
            while not await asyncio.to_thread(self._store.claim, key, self._owner, LEASE_S):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_WAIT_S)
        except StoreError as error:
            log.warning("%s; other processes may send the same request", error)
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)
            await asyncio.shield(asyncio.to_thread(self._release, key))

    def _count(self, more: int) -> None:
        """Count the claims held. While there are any, a thread renews them, whatever holds up the event loops."""
        with self._lock:
            before, self._held = self._held, self._held + more
            if before == 0:
                self._none_held = threading.Event()
                threading.Thread(target=self._renew, args=(self._none_held,), daemon=True).start()
            elif self._held == 0:
                self._none_held.set()

    def _renew(self, none_held: threading.Event) -> None:
        while not none_held.wait(LEASE_S / 3):
            try:
                self._store.renew_claims(self._owner, LEASE_S)
            except StoreError as error:
                log.warning("%s; other processes may send the same request", error)

    def _release(self, key: str) -> None:
        try:
            self._store.release(key, self._owner)
        except StoreError as error:
            log.warning("%s; the claim lapses in %g s", error, LEASE_S)
