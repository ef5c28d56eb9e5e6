"""`policy`: the policy's own answer, unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.statements import statements_of
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register("policy", "the policy's own answer, unchanged")
@dataclass(frozen=True)
class PolicyAnswer:
    """The policy's own answer."""

    kind: ClassVar[str] = "policy"

    def check(self, pool: ModelPool) -> None:
        """Do nothing: any pool will do."""

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Return the policy's answer."""
        return Aggregation(self.kind, episode.answer, statements_of(episode))
