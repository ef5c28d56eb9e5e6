"""Who voted for what: statements of an episode, which of them decide, and the count.

Votes are one a candidate, so that asking one model three times does not give it three. The policy has a vote too.
Responses to intermediate questions do not vote: see `deciding`. What is done with the count is `aggregate.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_r1.answers import answer_key, extract_answer, normalize_answer
from router_r1.episode import Episode


@dataclass(frozen=True, slots=True)
class Statement:
    """One response, and where it came from."""

    model: str
    query: str
    text: str
    turn: int
    """The policy turn that asked, from 1; 0 for a statement of a later layer."""
    layer: int = 1


def statements_of(episode: Episode) -> tuple[Statement, ...]:
    """Every answered route of an episode, in order."""
    return tuple(
        Statement(outcome.model, outcome.query, outcome.response.text, number)
        for number, record in enumerate(episode.turns, 1)
        for outcome in record.outcomes
        if outcome.response is not None and outcome.response.ok
    )


def deciding(
    question: str, statements: Sequence[Statement], draft: str | None
) -> tuple[Statement, ...]:
    """The statements that answer the question itself, as far as their use tells.

    A sub-query whose answer turns up as something new in the query of a later turn was a step on the way ("Paris" in
    "How many people live in Paris?"): the responses to it are no candidates for the final answer, unless the policy
    gave one of them as its answer. If nothing would be left, everything counts.
    """
    answers: dict[str, set[str]] = {}
    for statement in statements:
        answer = extract_answer(statement.text)
        if answer is not None:
            answers.setdefault(statement.query, set()).add(answer_key(answer))
    own = None if draft is None else answer_key(draft)
    steps = {
        query
        for query, keys in answers.items()
        if own not in keys
        and any(
            _builds_on(later.query, keys, question, query)
            for later in statements
            if later.turn > _turn(statements, query)
        )
    }
    kept = tuple(statement for statement in statements if statement.query not in steps)
    return kept or tuple(statements)


def _turn(statements: Sequence[Statement], query: str) -> int:
    return min(statement.turn for statement in statements if statement.query == query)


def _builds_on(later: str, keys: set[str], question: str, query: str) -> bool:
    """Does a later query hold one of the answers, and not merely because the question or the sub-query did?"""
    known = f" {normalize_answer(question)} | {normalize_answer(query)} "
    words = f" {normalize_answer(later)} "
    said = {f" {normalize_answer(key)} " for key in keys} - {"  "}
    return any(answer in words and answer not in known for answer in said)


@dataclass(frozen=True)
class Tally:
    """The votes: one for each candidate that gave a readable answer, and one for the policy."""

    votes: dict[str, float]
    ballots: dict[str, tuple[str, Statement]]
    """Candidate -> (its answer, the statement it is read from)."""
    draft: str | None

    @classmethod
    def count(
        cls,
        statements: Sequence[Statement],
        draft: str | None,
        weights: Mapping[str, float],
        policy_weight: float,
    ) -> Tally:
        """Count each candidate's vote: the statement that agrees with the draft, or else its latest readable one.

        A candidate that gave the policy's answer and was then asked something else did not take it back.
        """
        own = None if draft is None else answer_key(draft)
        ballots: dict[str, tuple[str, Statement]] = {}
        for statement in statements:
            answer = extract_answer(statement.text)
            held = ballots.get(statement.model)
            if answer is not None and (held is None or answer_key(held[0]) != own):
                ballots[statement.model] = (answer, statement)
        votes: dict[str, float] = {}
        for model, (answer, _) in ballots.items():
            key = answer_key(answer)
            votes[key] = votes.get(key, 0.0) + weights.get(model, 1.0)
        if draft is not None:
            key = answer_key(draft)
            votes[key] = votes.get(key, 0.0) + policy_weight
        return cls(votes, ballots, draft)

    @property
    def winner(self) -> str | None:
        """The key with the greatest weight; among equals the policy's, then the one stated first."""
        if not self.votes:
            return None
        best = max(self.votes.values())
        leaders = [key for key, weight in self.votes.items() if weight >= best * (1 - 1e-9)]
        own = None if self.draft is None else answer_key(self.draft)
        return own if own in leaders else leaders[0]

    def wording(self, key: str) -> str | None:
        """How an answer was put: the policy's words where it agrees, else the first candidate's."""
        if self.draft is not None and answer_key(self.draft) == key:
            return self.draft
        return next((a for a, _ in self.ballots.values() if answer_key(a) == key), None)

    def supporters(self, key: str) -> tuple[str, ...]:
        """The candidates that gave this answer."""
        return tuple(m for m, (a, _) in self.ballots.items() if answer_key(a) == key)

    def agreement(self) -> tuple[str | None, float, int]:
        """Among candidates alone: the most common answer, its share of the ballots, the number of ballots."""
        counts = Counter(answer_key(answer) for answer, _ in self.ballots.values())
        if not counts:
            return None, 0.0, 0
        key, count = counts.most_common(1)[0]
        return key, count / len(self.ballots), len(self.ballots)
