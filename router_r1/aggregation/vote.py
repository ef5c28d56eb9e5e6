"""TODO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.tally import Statement, Tally, deciding, statements_of
from router_r1.answers import normalize_answer
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.pool import Account, ModelPool


@dataclass(frozen=True)
class _Voting:
    """What the voting aggregators share."""

    kind = "voting"

    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of a candidate's vote, by name; 1 for the rest."""
    policy_weight: float = 1.0
    """Weight of the policy's own answer. Ties go to the policy in any case."""

    def check(self, pool: ModelPool) -> None:
        """The weights must be of candidates, and not negative."""
        for name, weight in self.weights.items():
            pool.card(name)
            if not weight >= 0:  # also when it is no number
                raise ConfigError(f"the weight of {name!r} is {weight}; weights are 0 or more")
        if not self.policy_weight >= 0:
            raise ConfigError(f"policy_weight is {self.policy_weight}; weights are 0 or more")

    def tally(self, question: str, statements: Sequence[Statement], draft: str | None) -> Tally:
        """Count the votes."""
        final = deciding(question, statements, draft)
        return Tally.count(final, draft, self.weights, self.policy_weight)

    def without_quorum(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Too few readable answers to count: the policy's answer, or the response most others agree with."""
        if draft is not None:
            return Aggregation(self.kind, draft, statements, fallback="no_quorum")
        chosen = self._most_central(deciding(question, statements, None))
        return Aggregation(
            self.kind, chosen.text, statements, sources=(chosen.model,), fallback="no_quorum"
        )

    def _most_central(self, statements: Sequence[Statement]) -> Statement:
        """The response with the greatest weighted word overlap with all others."""
        latest = list({s.model: s for s in statements}.values())
        bags = [Counter(normalize_answer(s.text).split()) for s in latest]

        def centrality(index: int) -> float:
            return sum(
                self.weights.get(other.model, 1.0) * _overlap(bags[index], bags[at])
                for at, other in enumerate(latest)
                if at != index
            )

        return latest[max(range(len(latest)), key=centrality)]


@AGGREGATORS.register("vote")
@dataclass(frozen=True)
class Vote(_Voting):
    """The short answer with the greatest weight."""

    kind: str = "vote"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Count."""
        return self.decide(episode.question, statements_of(episode), episode.answer)

    def decide(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Count given statements."""
        tally = self.tally(question, statements, draft)
        key = tally.winner
        if key is None and not statements:
            return Aggregation(self.kind, draft, fallback="no_responses")
        if key is None or not tally.quorum:
            return self.without_quorum(question, statements, draft)
        return Aggregation(
            self.kind, tally.wording(key), statements, tally.votes, tally.supporters(key)
        )


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    """F1 of two bags of words."""
    total = one.total() + other.total()
    return 2.0 * (one & other).total() / total if total else 0.0
