"""Whether a request of a key is within its limits: the contract, and what its two implementations share.

A request is admitted before it is sent and settled after it. In between it holds a reservation: one request, the tokens
it is estimated to use, and the most dollars it may cost. At every admission, what the key has spent in the period plus
what is reserved is at most the budget, however many requests come at once.

- Requests and tokens per minute are token buckets: each holds one minute's limit, starts full, and fills evenly. A key
  that was idle may use a minute's limit at once. Settling gives back the tokens that were reserved and not used, or
  takes those that were used beyond it; a request that failed still counts as a request.
- Dollars count in the period (UTC) in which the request was admitted, in whole nanodollars, so that sums are exact.
- A reservation lapses after a time that the caller gives, in case its worker was killed; then it no longer holds a part
  of the budget. A request that is settled later, within a day, still counts what it cost.
- Everything is counted under the name of the key.

`admission_sqlite.py` is exact for the processes of one machine, `admission_redis.py` for several machines.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN
from typing import Protocol

from router_r1.prompts import usd as in_dollars
from router_r1.serve.access.errors import BudgetExceededError, RateLimitedError
from router_r1.serve.access.keys import Key, Period

NANOUSD = 10**9
"""Nanodollars in a dollar."""
UNITS = 60_000
"""Units of a bucket in one request or token. A bucket of `limit` per minute gains `limit` units in a millisecond, so
that all levels are whole numbers."""
KEPT_S = 86_400.0
"""Seconds for which a lapsed reservation can still be settled."""
PERIOD_LENGTH: dict[Period, int] = {"day": 10, "month": 7, "total": 0}
"""Characters of the date (`2031-01-31`) that name a period of this kind."""


class Admission(Protocol):
    """Counts the requests, tokens and dollars of keys."""

    async def admit(
        self, key: Key, request_id: str, *, tokens: int, usd: float, lapses_in_s: float
    ) -> None:
        """Reserve what a request may use; all of it or, after an exception, nothing.

        If the caller is cancelled while it waits, the reservation is released.

        Args:
            key: who asks.
            request_id: a new id for each request.
            tokens: estimated tokens, of prompt and answer together.
            usd: the most dollars that the request may cost.
            lapses_in_s: seconds after which the reservation lapses; more than the request can take.

        Raises:
            RateLimitedError: the key has no request, or not so many tokens, left at this moment.
            BudgetExceededError: less than `usd` is left of the budget.
            StoreUnavailableError: what was used so far cannot be read or written.
            ValueError: an amount is negative or not finite, or the id was admitted before.
        """
        ...

    async def settle(self, request_id: str, *, tokens: int, usd: float) -> None:
        """Replace a reservation by what was really used, which may be more or less; 0 if nothing was billed.

        Settling the same id again changes nothing. A caller that is cancelled while it waits has still settled.

        Args:
            request_id: the id that was admitted.
            tokens: tokens that were used.
            usd: dollars that were billed.

        Raises:
            StoreUnavailableError: as for `admit`.
            ValueError: an amount is negative or not finite.
        """
        ...

    async def spent(self, key: Key, period: Period | None = None) -> float:
        """Dollars that requests of the key's current period were settled with.

        Args:
            key: whose spending.
            period: the kind of period; None is that of the key's budget.

        Raises:
            StoreUnavailableError: as for `admit`.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was begun and release files and connections."""
        ...


def nanousd(usd: float) -> int:
    """Dollars in whole nanodollars, the nearest. Raises `ValueError` for a negative or infinite amount."""
    if not (math.isfinite(usd) and usd >= 0):
        raise ValueError(f"usd={usd}: expected dollars of at least 0")
    return round(usd * NANOUSD)


def check_tokens(tokens: int) -> None:
    """Raise `ValueError` for a negative number of tokens."""
    if tokens < 0:
        raise ValueError(f"tokens={tokens}: expected at least 0")


def lapse_ms(lapses_in_s: float) -> int:
    """Seconds until a reservation lapses, in milliseconds. Raises `ValueError` unless they are more than 0."""
    if not (math.isfinite(lapses_in_s) and lapses_in_s > 0):
        raise ValueError(f"lapses_in_s={lapses_in_s}: expected more than 0 seconds")
    return math.ceil(lapses_in_s * 1000)


def utc_day(unix_s: float) -> str:
    """The day in UTC, as `2031-01-31`; its first characters name its month and, as none at all, all time."""
    return datetime.fromtimestamp(unix_s, UTC).date().isoformat()


def periods_of(day: str) -> tuple[str, ...]:
    """The names of the periods to which a day belongs: itself, its month, all time."""
    return tuple(day[:length] for length in PERIOD_LENGTH.values())


def check_size(key: Key, tokens: int) -> None:
    """Raise `RateLimitedError` if a request asks for more tokens than the key ever has at once."""
    most = key.limits.tokens_per_minute
    if most is not None and tokens > most:
        raise RateLimitedError(
            None,
            f"key {key.name!r} has {most:,} tokens per minute, and this request may use {tokens:,}; "
            f"shorten it, or lower its max_tokens",
        )


def rate_limited(
    key: Key, requests_wait_ms: int, tokens_wait_ms: int, tokens: int
) -> RateLimitedError:
    """The error for a request that has to wait.

    Args:
        key: who asks.
        requests_wait_ms: milliseconds until the key has a request left; 0 if it has.
        tokens_wait_ms: milliseconds until it has so many tokens left; 0 if it has.
        tokens: tokens that the request asks for.
    """
    wait_s = max(requests_wait_ms, tokens_wait_ms) / 1000
    if requests_wait_ms >= tokens_wait_ms:
        limit = f"{key.limits.requests_per_minute:,} requests per minute, and all are used"
    else:
        limit = f"{key.limits.tokens_per_minute:,} tokens per minute, and fewer than {tokens:,} are left"
    detail = f"key {key.name!r} has {limit}; ask again in {math.ceil(wait_s * 10) / 10:g} s"
    return RateLimitedError(wait_s, detail)


def budget_exceeded(
    key: Key, day: str, spent: int, reserved: int, asked: int
) -> BudgetExceededError:
    """The error for a request that may cost more than is left.

    Args:
        key: who asks.
        day: the present day (`utc_day`).
        spent: nanodollars that are settled in the period.
        reserved: nanodollars that open requests hold.
        asked: the most nanodollars that the request may cost.
    """
    limits = key.limits
    budget = limits.budget_usd or 0.0
    each = "in total" if limits.budget_period == "total" else f"per {limits.budget_period} (UTC)"
    left = max(0.0, budget - (spent + reserved) / NANOUSD)
    held = f" while open requests hold {in_dollars(reserved / NANOUSD)}" if reserved else ""
    renewed = _next_period(day, limits.budget_period)
    wait = f", wait until {renewed} 00:00 UTC" if renewed else ""
    return BudgetExceededError(
        f"key {key.name!r} has a budget of {in_dollars(budget)} {each}, "
        f"of which {in_dollars(left, rounding=ROUND_DOWN)} is left{held}; this request may cost "
        f"{in_dollars(asked / NANOUSD)}: lower its max_tokens{wait}, or have the budget raised"
    )


def _next_period(day: str, period: Period) -> str | None:
    """The first day of the next period; None if there is none."""
    today = datetime.fromisoformat(day)
    if period == "day":
        return (today + timedelta(days=1)).date().isoformat()
    if period == "month":
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1).date().isoformat()
    return None
