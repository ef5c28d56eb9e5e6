"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from router_r1.episode import Episode
from router_r1.pool import Account
from router_r1.transport.messages import Failure


@dataclass(frozen=True, slots=True)
class WrittenTurn:
    """What a policy wrote, or why it could not."""

    text: str = ""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    overhang: str = ""
    """Text that `token_ids` hold beyond `text`; see `episode.Segment`."""
    tokens: int | None = None
    cost_usd: float | None = None
    """None for a policy without a price."""
    failure: Failure | None = None


class Policy(Protocol):
    """Anything that can write the next turn of an episode."""

    name: str

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Write the next turn, and book what it took.

        Raises:
            PolicyError: it never will, whatever is asked (a wrong set-up, a script at its end).
        """
        ...

    def check(self) -> None:
        """Raise `ConfigError` if the policy is not set up (a key is not set, say)."""
        ...

    async def aclose(self) -> None:
        """Release connections and memory."""
        ...
