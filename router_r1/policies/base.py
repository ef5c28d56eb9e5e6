"""The `Policy` protocol, and the turn that a policy writes."""

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
    """The generated ids; None if the policy does not know them."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each id; None if unknown."""
    overhang: str = ""
    """Text that `token_ids` hold beyond `text`; see `episode.Segment`."""
    tokens: int | None = None
    """Number of generated tokens; None if unknown."""
    cost_usd: float | None = None
    """Dollars of the turn; None for a policy without a price."""
    failure: Failure | None = None


class Policy(Protocol):
    """Anything that can write the next turn of an episode."""

    name: str

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Write the next turn, and book every attempt at it in the account.

        Raises:
            PolicyError: the policy cannot write this turn, and trying again would not help (for example, a script
                has ended).
        """
        ...

    def check(self) -> None:
        """Raise `ConfigError` if the policy is not set up, for example if its key is not set."""
        ...

    async def aclose(self) -> None:
        """Release connections and memory."""
        ...
