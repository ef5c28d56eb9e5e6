"""Admission by a Redis server: exact for the processes of several machines.

Each operation is one Lua script, which Redis (5 or later) runs alone. Rates and lapses follow the server's clock; which
day it is, and so the period of a budget, follows the clock of the caller. Every key of Redis expires once it says
nothing any more, except what was spent in total. When the client sends an operation again, as after a lost reply, it
counts once.

Spending outlives a restart of Redis as far as Redis was set up to write it down (`appendonly yes`). A server that may
evict keys (`maxmemory-policy` other than `noeviction`) may forget spending.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from router_r1.errors import one_line
from router_r1.serve.access.admission import (
    KEPT_S,
    NANOUSD,
    PERIOD_LENGTH,
    budget_exceeded,
    check_size,
    check_tokens,
    lapse_ms,
    nanousd,
    rate_limited,
    utc_day,
)
from router_r1.serve.access.admission_scripts import ADMIT, SETTLE
from router_r1.serve.access.errors import StoreUnavailableError
from router_r1.serve.access.keys import Key, Period

log = logging.getLogger("router_r1.serve.access.admission")

_WAIT_S = 5.0
"""Seconds to wait for the server, to connect and for each reply."""


class RedisAdmission:
    """Counts requests, tokens and dollars on a Redis server. Belongs to the event loop that first uses it."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "{router-r1}",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """
        Args:
            url: `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS; connects when first used.
            prefix: starts the name of every key on the server. The braces keep all of them on one node of a cluster.
            clock: Unix time in seconds; None is the server's clock for rates and lapses, and this machine's for days.

        Raises:
            StoreUnavailableError: the address is not one of Redis.
        """
        try:
            self._redis: Redis = Redis.from_url(
                url, decode_responses=True, socket_timeout=_WAIT_S, socket_connect_timeout=_WAIT_S
            )
        except ValueError as error:
            # Not the address itself: it may hold a password.
            raise StoreUnavailableError(
                f"the address of Redis is not valid: {one_line(error)}; expected redis://HOST:PORT/DATABASE"
            ) from None
        self._prefix = prefix
        self._clock = clock
        self._admit_script = self._redis.register_script(ADMIT)
        self._settle_script = self._redis.register_script(SETTLE)
        self._releases: set[asyncio.Task[None]] = set()

    async def admit(
        self, key: Key, request_id: str, *, tokens: int, usd: float, lapses_in_s: float
    ) -> None:
        """See `Admission.admit`."""
        check_tokens(tokens)
        check_size(key, tokens)
        most, lapses_in_ms = nanousd(usd), lapse_ms(lapses_in_s)
        work = asyncio.ensure_future(self._admit(key, request_id, tokens, most, lapses_in_ms))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            release = asyncio.ensure_future(self._release(work, request_id))
            self._releases.add(release)
            release.add_done_callback(self._releases.discard)
            raise

    async def settle(self, request_id: str, *, tokens: int, usd: float) -> None:
        """See `Admission.settle`."""
        check_tokens(tokens)
        work = asyncio.ensure_future(self._settle(request_id, tokens, nanousd(usd)))
        self._releases.add(work)
        work.add_done_callback(self._releases.discard)
        await asyncio.shield(work)

    async def spent(self, key: Key, period: Period | None = None) -> float:
        """See `Admission.spent`."""
        length = PERIOD_LENGTH[period or key.limits.budget_period]
        with self._errors():
            amount = await self._redis.get(self._spent_name(key.name, self._day()[:length]))
        return int(amount or 0) / NANOUSD

    async def aclose(self) -> None:
        """See `Admission.aclose`."""
        await asyncio.gather(*self._releases, return_exceptions=True)
        await self._redis.aclose()

    async def _admit(
        self, key: Key, request_id: str, tokens: int, most: int, lapses_in_ms: int
    ) -> None:
        limits, day = key.limits, self._day()
        period = day[: PERIOD_LENGTH[limits.budget_period]]
        budget = None if limits.budget_usd is None else nanousd(limits.budget_usd)
        names = [
            f"{self._prefix}:request:{request_id}",
            f"{self._prefix}:open:{key.name}",
            f"{self._prefix}:reserved:{key.name}",
            self._spent_name(key.name, period),
            f"{self._prefix}:requests:{key.name}",
            f"{self._prefix}:tokens:{key.name}",
        ]
        # A repetition of this very call has the same mark; another request with the same id has not.
        mark = secrets.token_hex(8)
        arguments = [self._now_ms(), request_id, mark, key.name, day, most, tokens, lapses_in_ms]
        arguments += [int(KEPT_S * 1000), budget, period]
        arguments += [limits.requests_per_minute, limits.tokens_per_minute]
        with self._errors():
            verdict, *numbers = await _run(self._admit_script, names, arguments)
        if verdict == "duplicate":
            raise ValueError(f"request {request_id!r} was admitted before; use a new id")
        if verdict == "budget":
            spent, reserved = map(int, numbers)
            raise budget_exceeded(key, day, spent, reserved, most)
        if verdict == "rate":
            requests_wait_ms, tokens_wait_ms = map(int, numbers)
            raise rate_limited(key, requests_wait_ms, tokens_wait_ms, tokens)

    async def _settle(self, request_id: str, tokens: int, cost: int) -> None:
        names = [f"{self._prefix}:request:{request_id}"]
        with self._errors():
            arguments = [self._now_ms(), request_id, self._prefix, tokens, cost]
            (verdict,) = await _run(self._settle_script, names, arguments)
        if verdict == "unknown":
            log.info("request %s is not open: settled before, or never admitted", request_id)

    async def _release(self, admission: asyncio.Future[None], request_id: str) -> None:
        """Give back what was reserved for a caller that no longer waits."""
        await asyncio.wait([admission])
        if admission.exception() is not None:
            return  # nothing was reserved, or the id belongs to another request
        try:
            await self._settle(request_id, 0, 0)
        except StoreUnavailableError as error:
            log.warning("request %s is not released before it lapses: %s", request_id, error)

    def _spent_name(self, name: str, period: str) -> str:
        return f"{self._prefix}:spent:{name}:{period}"

    def _day(self) -> str:
        return utc_day(time.time() if self._clock is None else self._clock())

    def _now_ms(self) -> int | None:
        """The time that a script goes by; None is the server's."""
        return None if self._clock is None else int(self._clock() * 1000)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the client raises into a `StoreUnavailableError` that names the server, without a password."""
        try:
            yield
        except (RedisError, OSError) as error:
            at = self._redis.connection_pool.connection_kwargs
            place = at.get("path") or f"{at.get('host', 'localhost')}:{at.get('port', 6379)}"
            text = (
                f"Redis at {place} cannot be used: {error}; check that it runs and can be reached"
            )
            raise StoreUnavailableError(one_line(text)) from error


async def _run(
    script: Callable[..., Any], names: Sequence[str], arguments: Sequence[str | int | None]
) -> list[str]:
    """Run a script; None becomes an empty text."""
    reply: Awaitable[list[str]] = script(
        keys=names, args=["" if argument is None else argument for argument in arguments]
    )
    return await reply
