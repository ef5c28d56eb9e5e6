"""`vote`: the short answer with the greatest weight of votes. Calls no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.statements import Statement, statements_of
from router_r1.aggregation.voting import Voting
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register("vote", "the short answer with the greatest weight of votes")
@dataclass(frozen=True)
class Vote(Voting):
    """The short answer with the greatest weight."""

    kind: ClassVar[str] = "vote"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Count the votes of the episode's statements and of the policy."""
        return self.decide(episode.question, statements_of(episode), episode.answer)

    def decide(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Count the votes of given statements.

        Args:
            question: the episode's question.
            statements: all statements, in order.
            draft: the policy's answer, if it gave one; it has a vote too.
        """
        tally = self.tally(question, statements, draft)
        key = tally.winner
        if key is None and not statements:
            return Aggregation(self.kind, draft, fallback="no_responses")
        if key is None or not tally.quorum:
            return self.without_quorum(question, statements, draft)
        return Aggregation(
            self.kind, tally.wording(key), statements, tally.votes, tally.supporters(key)
        )
