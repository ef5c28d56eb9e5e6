"""The ledger: one row for every attempt, and the only place where costs are summed.

Reward, budget, reports and response metadata are all sums over `LedgerEntry` rows. Failed attempts, retries, lost
hedges and cancelled calls have rows too.

Cost and billing are not the same. `cost_usd` is the price of the tokens at the declared rates; a replayed or simulated
call has a cost as well, so that offline training sees the same figures as serving. `billed` says whether the provider
may charge for the attempt.

Prices are declared in `model_cards.py`; when an attempt counts as billed is decided in `transport/live_call.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from router_r1.token_prices import Usage


class Role(StrEnum):
    """What a call was made for."""

    POLICY = "policy"
    CANDIDATE = "candidate"
    AGGREGATOR = "aggregator"
    JUDGE = "judge"
    """Evaluation only: judging an answer is not part of the cost of an episode."""


class Cause(StrEnum):
    """Why an attempt was made."""

    FIRST = "first"
    RETRY = "retry"
    HEDGE = "hedge"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One attempt: what caused it, the tokens it used, and its cost."""

    episode_id: str
    round: int
    role: Role
    model: str
    call_id: str
    attempt: int
    """1 for the first attempt of a call."""
    cause: Cause
    outcome: str
    """`ok`, or the value of the `FailureKind` that ended the attempt."""
    usage: Usage
    price_version: str | None
    """None without a declared price; `cost_usd` is then None too, never 0."""
    cost_usd: float | None
    """Dollars at the declared price."""
    billed: bool
    """Whether the provider may charge for the attempt."""
    source: str
    """What served the attempt: `live`, `replay`, `simulated` or `local`."""
    started_at: float
    """Unix time in seconds."""
    latency_s: float


class Ledger:
    """An append-only list of attempts, and sums over them. Sums of dollars skip rows without a price."""

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._entries = list(entries)

    def add(self, entry: LedgerEntry) -> None:
        """Append one row."""
        self._entries.append(entry)

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> LedgerEntry:
        return self._entries[index]

    def cost_usd(self, role: Role | None = None) -> float:
        """Dollars at the declared prices, of all rows or of the rows of one role."""
        return math.fsum(e.cost_usd or 0.0 for e in self._entries if role in (None, e.role))

    @property
    def billed_usd(self) -> float:
        """Dollars that providers may charge: replayed, simulated and unbilled attempts are excluded."""
        return math.fsum(e.cost_usd or 0.0 for e in self._entries if e.billed)

    def usage(self, role: Role | None = None) -> Usage:
        """Tokens of all rows, or of the rows of one role."""
        total = Usage()
        for entry in self._entries:
            if role in (None, entry.role):
                total += entry.usage
        return total

    @property
    def unpriced_tokens(self) -> int:
        """Tokens in rows without a declared price. No dollar figure includes them, and reports must say so."""
        return sum(e.usage.prompt + e.usage.completion for e in self._entries if e.cost_usd is None)

    def cost_by_model(self) -> dict[str, float]:
        """Dollars per model name, in order of first use."""
        totals: dict[str, float] = {}
        for entry in self._entries:
            totals[entry.model] = totals.get(entry.model, 0.0) + (entry.cost_usd or 0.0)
        return totals
