"""Base of the aggregators that count votes: weights, the tally, and the fallback without a quorum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from router_r1.aggregation.base import Aggregation
from router_r1.aggregation.statements import Statement
from router_r1.aggregation.tally import Tally, deciding
from router_r1.answers import normalize_answer
from router_r1.errors import ConfigError
from router_r1.pool import ModelPool


@dataclass(frozen=True)
class Voting:
    """Base of the aggregators that count votes."""

    kind: ClassVar[str] = "voting"

    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of a candidate's vote, by name; 1 for the rest."""
    policy_weight: float = 1.0
    """Weight of the policy's own answer. A tie goes to the policy in any case."""

    def check(self, pool: ModelPool) -> None:
        """Raise `ConfigError` unless each weight is at least 0 and belongs to a candidate."""
        for name, weight in self.weights.items():
            pool.card(name)
            if not weight >= 0:  # also rejects NaN
                raise ConfigError(f"the weight of {name!r} is {weight}; weights are 0 or more")
        if not self.policy_weight >= 0:
            raise ConfigError(f"policy_weight is {self.policy_weight}; weights are 0 or more")

    def tally(self, question: str, statements: Sequence[Statement], draft: str | None) -> Tally:
        """Count the votes.

        Args:
            question: the episode's question.
            statements: all statements; those on intermediate questions have no vote.
            draft: the policy's answer, if it gave one.
        """
        return Tally.count(question, statements, draft, self.weights, self.policy_weight)

    def without_quorum(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Decide where too few answers are readable: the policy's answer, else the most central response.

        Args:
            question: the episode's question.
            statements: all statements, at least one.
            draft: the policy's answer, if it gave one.
        """
        if draft is not None:
            return Aggregation(self.kind, draft, statements, fallback="no_quorum")
        latest = list({s.model: s for s in deciding(question, statements, None)}.values())
        centrality = self.centrality(latest)
        chosen = latest[max(range(len(latest)), key=centrality.__getitem__)]
        return Aggregation(
            self.kind, chosen.text, statements, sources=(chosen.model,), fallback="no_quorum"
        )

    def centrality(self, statements: Sequence[Statement]) -> list[float]:
        """For each statement, its weighted word overlap with all others.

        Args:
            statements: one of each candidate.
        """
        bags = [Counter(normalize_answer(s.text).split()) for s in statements]
        return [
            sum(
                self.weights.get(other.model, 1.0) * _overlap(bag, bags[at])
                for at, other in enumerate(statements)
                if at != number
            )
            for number, bag in enumerate(bags)
        ]


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    """F1 of two bags of words."""
    total = one.total() + other.total()
    return 2.0 * (one & other).total() / total if total else 0.0
