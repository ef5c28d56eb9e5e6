"""Vote counting: the statements of an episode, which of them answer its question, and the tally.

A candidate has one vote however often it was asked, and the policy has one too. Responses to intermediate questions
have none; see `deciding`. What an aggregator does with the count is in `voting.py` and the modules that use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_r1.answers import abstains, answer_key, extract_answer, normalize_answer
from router_r1.episode import Episode


@dataclass(frozen=True, slots=True)
class Statement:
    """One response and its origin."""

    model: str
    query: str
    text: str
    turn: int
    """Number of the policy turn that made the call, from 1; 0 for a statement of a later layer."""
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
    """Select the statements that answer the question itself, judged by wording and use.

    A policy also asks for parts of an answer, and agreement on a part ("6400 km") is not agreement on the whole ("the
    Nile"). A sub-query counts as the question when it shares most of the question's words, unless it was an
    intermediate step: its answer appears, as something new, in a later query that asks something else ("Paris" in "How
    many people live in Paris?").

    If there is a draft, a statement that agrees with it also counts, and so do all others from the same turn; if no
    statement counts, the policy derived its answer itself. If there is no draft and no sub-query resembles the
    question, every statement counts that was not an intermediate step.

    Args:
        question: the episode's question.
        statements: all statements, in order.
        draft: the policy's answer, if it gave one.
    """
    words = _content(question)
    queries = {s.query for s in statements}
    same = {
        q for q in queries if _content(q) == words
    }  # the question itself is never an intermediate step
    steps = {q for q in queries - same if _is_step(q, statements, question)}
    like = same | {q for q in queries - steps if _likeness(words, _content(q)) >= 0.5}
    if draft is None:
        chosen = tuple(s for s in statements if s.query in like)
        return chosen or tuple(s for s in statements if s.query not in steps) or tuple(statements)
    own = answer_key(draft)
    agreeing = [s for s in statements if _key(s) == own]
    turns = {(s.turn, s.layer) for s in agreeing}
    return tuple(
        s
        for s in statements
        if s in agreeing or s.query in like or ((s.turn, s.layer) in turns and s.query not in steps)
    )


_FUNCTION_WORDS = frozenset(
    normalize_answer(
        "What which who whom whose when where why how is are was were be been do does did has have had can could will "
        "would of in on at to for from by with and or as it its this that there than one answer please tell me"
    ).split()
)


def _content(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning."""
    return frozenset(normalize_answer(text).split()) - _FUNCTION_WORDS


def _likeness(question: frozenset[str], query: frozenset[str]) -> float:
    """F1 of two sets of words."""
    total = len(question) + len(query)
    return 2.0 * len(question & query) / total if total else 0.0


def _key(statement: Statement) -> str | None:
    answer = extract_answer(statement.text)
    return None if answer is None else answer_key(answer)


def _is_step(query: str, statements: Sequence[Statement], question: str) -> bool:
    """Whether a later turn's query builds on an answer to this query and asks something else.

    "Is Canberra the capital of Australia?" repeats the words of "Capital of Australia?": a check, not a next step.
    """
    words = _content(query)
    same = [s for s in statements if s.query == query]
    keys = {key for s in same if (key := _key(s)) is not None}
    first = min(s.turn for s in same)
    return any(
        s.turn > first
        and 2 * len(words & _content(s.query)) < max(1, len(words))
        and _builds_on(s.query, keys, question, query)
        for s in statements
    )


def _builds_on(later: str, keys: set[str], question: str, query: str) -> bool:
    """Whether a later query contains one of the answers, and neither the question nor the sub-query already did."""
    known = f" {normalize_answer(question)} | {normalize_answer(query)} "
    words = f" {normalize_answer(later)} "
    answers = {f" {normalize_answer(key)} " for key in keys} - {"  "}
    return any(answer in words and answer not in known for answer in answers)


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
        statements: Sequence[Statement],
        draft: str | None,
        weights: Mapping[str, float],
        policy_weight: float,
    ) -> Tally:
        """Count each candidate's vote: its statement that agrees with the draft, else its latest readable one.

        A candidate that gave the policy's answer and was then asked something else has not retracted it.

        Args:
            statements: those that decide, in order.
            draft: the policy's answer, if it gave one.
            weights: weight of a candidate's vote; 1 for candidates not in it.
            policy_weight: weight of the draft's vote.
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
        return cls(
            votes, ballots, draft, len({s.model for s in statements if not abstains(s.text)})
        )

    @property
    def winner(self) -> str | None:
        """The key with the greatest weight. On a tie, the policy's answer wins, else the one stated first."""
        if not self.votes:
            return None
        best = max(self.votes.values())
        leaders = [key for key, weight in self.votes.items() if weight >= best * (1 - 1e-9)]
        own = None if self.draft is None else answer_key(self.draft)
        return own if own in leaders else leaders[0]

    def wording(self, key: str) -> str | None:
        """The words of an answer: the policy's if it agrees, else those of the first candidate that gave it."""
        if self.draft is not None and answer_key(self.draft) == key:
            return self.draft
        return next((a for a, _ in self.ballots.values() if answer_key(a) == key), None)

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
