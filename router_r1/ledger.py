"""What was spent: one row for every attempt, and nothing else counts money.

Reward, budget, reports and response metadata are all sums over `LedgerEntry` rows. Rows are kept for failed
attempts, retries, hedge losers and cancelled calls too, whoever caused them.

Two different questions have two different answers here. `cost_usd` is what the tokens are worth at the declared
price; a replayed or simulated call has a cost, so that training offline sees the same numbers as serving.
`billed` says whether money left an account for that row.

Not covered: where prices come from (`pool.py`) and when an attempt counts as billed (`client.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from router_r1.pricing import Usage


class Role(StrEnum):
    """Who a call was made for."""

    POLICY = "policy"
    CANDIDATE = "candidate"
    AGGREGATOR = "aggregator"
    JUDGE = "judge"
    """Evaluation only: what it costs to know whether an answer is right is no part of an episode."""


class Cause(StrEnum):
    """Why this attempt was made."""

    FIRST = "first"
    RETRY = "retry"
    HEDGE = "hedge"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One attempt: who caused it, what it used, what it is worth."""

    episode_id: str
    round: int
    role: Role
    model: str
    call_id: str
    attempt: int
    """1 for the first attempt of a call."""
    cause: Cause
    outcome: str
    """`ok`, or the `FailureKind` that ended the attempt."""
    usage: Usage
    price_version: str | None
    """None where no price was declared: then `cost_usd` is None too, never 0."""
    cost_usd: float | None
    billed: bool
    source: str
    """The transport that served it: `live`, `replay`, `simulated`, `local`."""
    started_at: float
    """Unix time in seconds."""
    latency_s: float


class Ledger:
    """An append-only list of attempts with the sums people ask for. All sums are over priced rows."""

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
        """Dollars of all rows, or of one role's rows, at the declared prices."""
        return math.fsum(e.cost_usd or 0.0 for e in self._entries if role in (None, e.role))

    @property
    def billed_usd(self) -> float:
        """Dollars that really left an account: replayed, simulated and unbilled attempts are not in it."""
        return math.fsum(e.cost_usd or 0.0 for e in self._entries if e.billed)

    def usage(self, role: Role | None = None) -> Usage:
        """Tokens of all rows, or of one role's rows."""
        total = Usage()
        for entry in self._entries:
            if role in (None, entry.role):
                total += entry.usage
        return total

    @property
    def unpriced_tokens(self) -> int:
        """Tokens in rows without a declared price: they are in no dollar figure, and reports must say so."""
        return sum(e.usage.prompt + e.usage.completion for e in self._entries if e.cost_usd is None)

    def cost_by_model(self) -> dict[str, float]:
        """Dollars per model name, in order of first use."""
        totals: dict[str, float] = {}
        for entry in self._entries:
            totals[entry.model] = totals.get(entry.model, 0.0) + (entry.cost_usd or 0.0)
        return totals
