"""Vote counting: one vote for each candidate that gave a readable answer, and one for the policy.

A candidate has one vote however often it was asked. Responses to intermediate questions have none; see `relevance.py`.
What an aggregator does with the count is in `voting.py` and the modules that use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_r1.aggregation.relevance import Relevance, draft_key
from router_r1.aggregation.statements import Statement, statements_of
from router_r1.aggregation.wording import GroupWording
from router_r1.answers import abstains, answer_key, extract_answer

__all__ = ["Statement", "Tally", "deciding", "statements_of"]


def deciding(
    question: str, statements: Sequence[Statement], draft: str | None
) -> tuple[Statement, ...]:
    """Select the statements that answer the question itself; see `Relevance.deciding`.

    Args:
        question: the episode's question.
        statements: all statements, in order.
        draft: the policy's answer, if it gave one.
    """
    return Relevance(question, statements, draft).deciding()


@dataclass(frozen=True)
class Tally:
    """The votes: one for each candidate that gave a readable answer, and one for the policy."""

    votes: dict[str, float]
    ballots: dict[str, tuple[str, Statement]]
    """Candidate -> (its answer, the statement that holds it)."""
    draft: str | None
    """The policy's answer."""
    responders: int
    """Candidates with a deciding statement, readable or not; "I don't know" is not counted."""

    @classmethod
    def count(
        cls,
        question: str,
        statements: Sequence[Statement],
        draft: str | None,
        weights: Mapping[str, float],
        policy_weight: float,
    ) -> Tally:
        """Count each candidate's vote: of its readable statements that answer the question, the one that counts most.

        Args:
            question: the episode's question.
            statements: all statements, in order; those on intermediate questions have no vote.
            draft: the policy's answer, if it gave one.
            weights: weight of a candidate's vote; 1 for candidates not in it.
            policy_weight: weight of the draft's vote.
        """
        relevance = Relevance(question, statements, draft)
        final = relevance.deciding()
        ballots: dict[str, tuple[str, Statement]] = {}
        for statement in final:
            answer = extract_answer(statement.text)
            if answer is None:
                continue
            held = ballots.get(statement.model)
            if held is None or relevance.precedence(statement) >= relevance.precedence(held[1]):
                ballots[statement.model] = (answer, statement)
        votes: dict[str, float] = {}
        for model, (answer, _) in ballots.items():
            key = answer_key(answer)
            votes[key] = votes.get(key, 0.0) + weights.get(model, 1.0)
        if draft is not None:
            key = draft_key(draft)
            votes[key] = votes.get(key, 0.0) + policy_weight
        responders = len({s.model for s in final if not abstains(s.text)})
        return cls(votes, ballots, draft, responders)

    @property
    def winner(self) -> str | None:
        """The key with the greatest weight. On a tie, the policy's answer wins, else the one stated first."""
        if not self.votes:
            return None
        best = max(self.votes.values())
        leaders = [key for key, weight in self.votes.items() if weight >= best * (1 - 1e-9)]
        own = None if self.draft is None else draft_key(self.draft)
        return own if own in leaders else leaders[0]

    def wording(self, key: str) -> str | None:
        """The words of an answer: those that its supporters share, or the policy's if no candidate gave it."""
        group = self.group(key)
        return self.draft if group is None else group.best

    def group(self, key: str) -> GroupWording | None:
        """How the supporters of an answer word it; None if no candidate gave it."""
        wordings = [answer for answer, _ in self.ballots.values() if answer_key(answer) == key]
        agrees = self.draft is not None and draft_key(self.draft) == key
        draft = extract_answer(self.draft) or self.draft if agrees and self.draft else None
        return GroupWording(wordings, draft) if wordings else None

    def supporters(self, key: str) -> tuple[str, ...]:
        """The candidates that gave this answer."""
        return tuple(m for m, (a, _) in self.ballots.items() if answer_key(a) == key)

    @property
    def quorum(self) -> bool:
        """Whether at least half of the candidates that responded gave a readable answer."""
        return 2 * len(self.ballots) >= self.responders

    def agreement(self) -> tuple[str | None, float]:
        """The most common answer among candidates, and its share of all that responded; weights do not matter."""
        counts = Counter(answer_key(answer) for answer, _ in self.ballots.values())
        if not counts:
            return None, 0.0
        key, count = counts.most_common(1)[0]
        return key, count / max(self.responders, len(self.ballots))
