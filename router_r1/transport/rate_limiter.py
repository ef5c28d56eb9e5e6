"""The limits of one model: concurrent calls, requests and tokens per minute, and pauses the endpoint asked for.

A call over a limit waits its turn; it never fails because of one.
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
"""Share of a minute's requests that may go out at once. If a whole minute's requests could go out at once, nearly twice
the limit would go out in the first minute, because the bucket refills while it is used, and a server that counts
requests would refuse half of them. Tokens are not limited this way, since one request may need many."""


class RateLimiter:
    """Enforces the `CallLimits` of one model on one event loop."""

    def __init__(self, limits: CallLimits, endpoint_slots: asyncio.Semaphore | None) -> None:
        """
        Args:
            limits: concurrency and rates of the model.
            endpoint_slots: shared by all models of the endpoint; None if the endpoint sets no limit.
        """
        from aiolimiter import AsyncLimiter

        self._slots = asyncio.Semaphore(limits.max_concurrency)
        self._endpoint_slots = endpoint_slots
        self._requests = _bucket(AsyncLimiter, limits.requests_per_minute, _BURST)
        self._tokens = _bucket(AsyncLimiter, limits.tokens_per_minute, 1.0)
        self._paused_until = 0.0

    @asynccontextmanager
    async def call_slot(self) -> AsyncIterator[None]:
        """Hold one of the model's slots, for a whole call."""
        async with self._slots:
            yield

    @asynccontextmanager
    async def endpoint_slot(self) -> AsyncIterator[float]:
        """Hold one of the endpoint's slots, for one attempt; yields the seconds spent waiting for it."""
        began = time.monotonic()
        if self._endpoint_slots is None:
            yield 0.0
        else:
            async with self._endpoint_slots:
                yield time.monotonic() - began

    @asynccontextmanager
    async def hedge_slot(self, tokens: int) -> AsyncIterator[bool]:
        """Hold a second slot of model and endpoint, if all limits have room now; yields whether it got one."""
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
        async with self.call_slot(), self.endpoint_slot():
            await self.wait_for_rate(tokens)
            yield True

    async def wait_for_rate(self, tokens: int) -> float:
        """Wait until the rate limits allow one request of this many tokens; returns the seconds waited."""
        began = time.monotonic()
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            await self._tokens.acquire(self._bounded(tokens))
        return time.monotonic() - began

    def _bounded(self, tokens: int) -> float:
        # A request larger than a minute's tokens takes the whole minute.
        assert self._tokens is not None, "called only with a limit on tokens"
        return min(float(tokens), self._tokens.max_rate)

    def pause(self, seconds: float) -> None:
        """Send nothing to this model for a while, as its endpoint asked."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    @property
    def pause_left(self) -> float:
        """Seconds until the model may be called again; 0.0 without a pause."""
        return max(0.0, self._paused_until - time.monotonic())


def _bucket(
    limiter: type[AsyncLimiter], per_minute: float | None, share: float
) -> AsyncLimiter | None:
    """A leaky bucket that holds this share of a minute's allowance; all it holds may go out at once."""
    if per_minute is None:
        return None
    capacity = max(1.0, per_minute * share)
    return limiter(capacity, 60.0 * capacity / per_minute)
