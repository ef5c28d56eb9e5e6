"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.tally import statements_of
from router_r1.aggregation.vote import _Voting
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register("select")
@dataclass(frozen=True)
class Select(_Voting):
    """One candidate's response, word for word.

    Where answers can be read, the first response for the winning one. Where they can not (long free text), the
    response with the greatest weighted word overlap with all others.
    """

    kind: str = "select"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Choose."""
        statements = statements_of(episode)
        tally = self.tally(episode.question, statements, episode.answer)
        key = tally.winner if tally.ballots else None
        if key is not None and tally.quorum:
            supporters = tally.supporters(key)
            if not supporters:  # only the policy holds this answer
                return Aggregation(self.kind, tally.draft, statements, tally.votes)
            heaviest = max(supporters, key=lambda name: self.weights.get(name, 1.0))
            text = tally.ballots[heaviest][1].text
            return Aggregation(self.kind, text, statements, tally.votes, supporters)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        if tally.draft is not None and not tally.responders:  # nobody was asked the question itself
            return Aggregation(self.kind, tally.draft, statements, tally.votes)
        return self.without_quorum(episode.question, statements, None)
