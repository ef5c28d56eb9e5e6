"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.tally import statements_of
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register("policy")
@dataclass(frozen=True)
class PolicyAnswer:
    """The policy's own answer."""

    kind: str = "policy"

    def check(self, pool: ModelPool) -> None:
        """Works with every pool."""

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Pass the answer on."""
        return Aggregation(self.kind, episode.answer, statements_of(episode))
