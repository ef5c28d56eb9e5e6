"""`select`: one candidate's response, word for word. Calls no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.tally import statements_of
from router_r1.aggregation.voting import Voting
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register(
    "select", "one candidate's response, word for word: the one most others agree with"
)
@dataclass(frozen=True)
class Select(Voting):
    """One candidate's response, word for word.

    If short answers can be extracted, it is the response of the candidate with the greatest weight among those that
    gave the winning answer. If not (long free text), it is the response with the greatest weighted word overlap with
    all others.
    """

    kind: ClassVar[str] = "select"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Choose among the episode's statements."""
        statements = statements_of(episode)
        tally = self.tally(episode.question, statements, episode.answer)
        key = tally.winner if tally.ballots else None
        if key is not None and tally.quorum:
            supporters = tally.supporters(key)
            if not supporters:  # the policy alone holds this answer
                return Aggregation(self.kind, tally.draft, statements, tally.votes)
            heaviest = max(supporters, key=lambda name: self.weights.get(name, 1.0))
            text = tally.ballots[heaviest][1].text
            return Aggregation(self.kind, text, statements, tally.votes, supporters)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        if tally.draft is not None and not tally.responders:  # no candidate answered the question
            return Aggregation(self.kind, tally.draft, statements, tally.votes)
        return self.without_quorum(episode.question, statements, None)
