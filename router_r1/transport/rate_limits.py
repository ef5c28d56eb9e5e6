"""Whether and when a candidate may be called: circuit breaker, concurrency slots, rate limits.

Nothing here fails because a limit was reached: calls wait in order. Used by `client.py` only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from router_r1.model_cards import CallLimits

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter


_BURST = 0.1
"""Share of a minute's requests that may go out at once. A full minute's burst, refilled while it is used, would send
nearly twice the limit in the first minute, and a server that counts would refuse half of it. Tokens have no such share:
one request may need many."""


class Gate:
    """Concurrency and rates of one candidate on one event loop."""

    def __init__(self, limits: CallLimits, endpoint_slots: asyncio.Semaphore | None) -> None:
        from aiolimiter import AsyncLimiter

        self._slots = asyncio.Semaphore(limits.max_concurrency)
        self._endpoint_slots = endpoint_slots
        self._requests = self._limiter(AsyncLimiter, limits.requests_per_minute, _BURST)
        self._tokens = self._limiter(AsyncLimiter, limits.tokens_per_minute, 1.0)
        self._paused_until = 0.0

    @staticmethod
    def _limiter(
        kind: type[AsyncLimiter], per_minute: float | None, share: float
    ) -> AsyncLimiter | None:
        """A bucket that holds this share of a minute's allowance; what it holds may go out at once."""
        if per_minute is None:
            return None
        bucket = max(1.0, per_minute * share)
        return kind(bucket, 60.0 * bucket / per_minute)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one place at the candidate, for a whole call."""
        async with self._slots:
            yield

    @asynccontextmanager
    async def endpoint_slot(self) -> AsyncIterator[float]:
        """Hold one place at the candidate's endpoint, for one attempt; gives the seconds waited for it."""
        began = time.monotonic()
        if self._endpoint_slots is None:
            yield 0.0
        else:
            async with self._endpoint_slots:
                yield time.monotonic() - began

    @asynccontextmanager
    async def spare_slot(self, tokens: int) -> AsyncIterator[bool]:
        """Hold a second place everywhere, for a hedge, if there is room this moment; gives whether there was."""
        room = (
            not self._slots.locked()
            and not (self._endpoint_slots and self._endpoint_slots.locked())
            and not self.pause_left
            and (self._requests is None or self._requests.has_capacity())
            and (self._tokens is None or self._tokens.has_capacity(self._bounded(tokens)))
        )
        if not room:
            yield False
            return
        async with self.slot(), self.endpoint_slot():
            await self.rate(tokens)
            yield True

    async def rate(self, tokens: int) -> float:
        """Wait for the rate limits; returns the seconds waited, which do not count against a deadline."""
        began = time.monotonic()
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            await self._tokens.acquire(self._bounded(tokens))
        return time.monotonic() - began

    def _bounded(self, tokens: int) -> float:
        # A request larger than a minute's tokens takes the whole minute.
        assert self._tokens is not None, "asked only where there is a limit on tokens"
        return min(float(tokens), self._tokens.max_rate)

    def pause(self, seconds: float) -> None:
        """Nobody calls this candidate for a while: it asked for that."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    @property
    def pause_left(self) -> float:
        """Seconds until the candidate may be called again."""
        return max(0.0, self._paused_until - time.monotonic())
