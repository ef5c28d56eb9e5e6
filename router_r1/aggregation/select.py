"""`select`: one candidate's response, word for word. Calls no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.relevance import stated_key
from router_r1.aggregation.statements import Statement, statements_of
from router_r1.aggregation.tally import Tally
from router_r1.aggregation.voting import Voting
from router_r1.answers import answer_key, normalize_answer
from router_r1.episode import Episode
from router_r1.pool import Account, ModelPool

# Where a text may state an answer; the text from one such place to the next is read on its own.
_STATEMENT = re.compile(r"(?<![</])\banswer\b|<answer>|\\boxed|####", re.IGNORECASE)
_LETTER_IN_BRACKETS = re.compile(r"\(([A-Za-z])\)")


@AGGREGATORS.register(
    "select", "one candidate's response, word for word: the one most others agree with"
)
@dataclass(frozen=True)
class Select(Voting):
    """One candidate's response, word for word.

    If short answers can be extracted, it is the response of a candidate that gave the winning answer: one that states
    no other answer, words its answer as the others do, and shares the most words with them; then the one with the
    greatest weight. If not (long free text), it is the response with the greatest weighted word overlap with all
    others.
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
            text = self._representative(tally, key).text
            return Aggregation(self.kind, text, statements, tally.votes, supporters)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        if tally.draft is not None and not tally.responders:  # no candidate answered the question
            return Aggregation(self.kind, tally.draft, statements, tally.votes)
        return self.without_quorum(episode.question, statements, None)

    def _representative(self, tally: Tally, key: str) -> Statement:
        """The response that stands best for all that gave an answer."""
        group = tally.group(key)
        assert group is not None, "an answer with supporters has wordings"
        held = [tally.ballots[name] for name in tally.supporters(key)]
        others = {answer for answer, _ in tally.ballots.values() if answer_key(answer) != key}
        centrality = self.centrality([statement for _, statement in held])

        def order(number: int) -> tuple[bool, int, float, float]:
            answer, statement = held[number]
            return (
                _states_another(statement.text, key, others),
                group.extras(answer),
                -round(centrality[number], 9),
                -self.weights.get(statement.model, 1.0),
            )

        return held[min(range(len(held)), key=order)][1]


def _states_another(text: str, key: str, others: set[str]) -> bool:
    """Whether a response also states or mentions another answer than the one with this key.

    Args:
        text: the response.
        key: key of the winning answer.
        others: the other answers of the candidates.
    """
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    ends = [*starts[1:], len(text)] if starts else []
    stated = {stated_key(text[start:end]) for start, end in zip(starts, ends, strict=True)}
    if len(key) == 1:  # a choice: any other letter in brackets is another one
        stated |= {letter.lower() for letter in _LETTER_IN_BRACKETS.findall(text)}
    words = f" {normalize_answer(text)} "
    mentioned = (f" {normalize_answer(other)} " in words for other in others if other.strip())
    return bool(stated - {None, key}) or any(mentioned)
