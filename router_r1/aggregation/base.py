"""What an aggregator is, what it returns, and the registry of all aggregators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from router_r1.aggregation.statements import Statement
from router_r1.episode import Episode
from router_r1.extensions import Registry
from router_r1.pool import Account, ModelPool


@dataclass(frozen=True, slots=True)
class Aggregation:
    """The final answer and its provenance."""

    kind: str
    answer: str | None
    statements: tuple[Statement, ...] = ()
    """All statements that the aggregator read, in order; its prompt numbers them from 1."""
    votes: dict[str, float] = field(default_factory=dict)
    """Weight of each distinct answer, by `answers.answer_key`."""
    sources: tuple[str, ...] = ()
    """The candidates whose statements support the answer, where known."""
    model: str | None = None
    """The LLM that wrote the answer; None where no LLM did."""
    layers: int = 1
    early_exit: bool = False
    """True when agreement made the LLM unnecessary."""
    fallback: str | None = None
    """Why the answer was made by a simpler method than configured: `budget`, `deadline`, `no_responses`, `no_quorum`
    (too few readable answers to count), `context_window` (no LLM can read the question and the replies), `formal` (only a
    reply to the conversation itself has the tool calls or the JSON that it asks for), a stop reason (the policy gave no
    answer, so a candidate did), or a failure kind."""


class Aggregator(Protocol):
    """Turns a finished episode into one answer."""

    @property
    def kind(self) -> str:
        """The name in traces."""
        ...

    def check(self, pool: ModelPool) -> None:
        """Raise `ConfigError` if this aggregator cannot work with this pool."""
        ...

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Merge the responses of all rounds. A failed model never makes it raise.

        Args:
            episode: a finished episode, also one that the policy did not answer.
            pool: the candidates, for aggregators that call models.
            account: books what those calls cost.
        """
        ...


AGGREGATORS: Registry[Callable[..., Aggregator]] = Registry(
    "aggregator", folder="router_r1.aggregation", group="router_r1.aggregators"
)
"""All aggregators by name. Each value is called with the settings and returns an `Aggregator`."""
