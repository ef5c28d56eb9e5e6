"""Which statements answer the episode's question itself, and which of a candidate's statements is its vote.

A policy also asks for parts of an answer, and agreement on a part ("6400 km") is not agreement on the whole ("the
Nile"). What a sub-query asks is judged by three things: the words that it shares with the question, the answers that it
got, and what the policy asked next.

    like     it shares most of the question's words: its answers are answers to the question
    step     a later query builds on its answer and asks something else: "Paris" in "How many people live in Paris?"
    led      it quotes an earlier answer: "Someone says Canberra. Which city is it?"

A liar must not gain from any of the three. So only the answer that most candidates gave makes a query a step: a policy
that follows up on the answer of one liar does not take the votes of the others away. A query with all of the
question's words is never a step. And a led reply is the vote only of a candidate that has no other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from router_r1.aggregation.statements import Statement
from router_r1.answers import answer_key, extract_answer

_YES_NO_WORDS = frozenset(
    re.findall(r"\w+", "is are was were do does did has have had can could will would")
)
_FUNCTION_WORDS = _YES_NO_WORDS | frozenset(
    re.findall(
        r"\w+",
        "what which who whom whose when where why how be been of in on at to for from by with and or as it its this that "
        "there than one answer please tell me",
    )
)
_YES_NO_ANSWERS = frozenset({"yes", "no", "true", "false", "correct", "incorrect"})
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+")
_LIKE = 0.5


def stated_key(text: str) -> str | None:
    """The key of the answer that a reply states; None if it states none."""
    answer = extract_answer(text)
    return None if answer is None else answer_key(answer)


def draft_key(draft: str) -> str:
    """The key of the policy's answer, which may be a sentence: "The answer is 888." has that of "888"."""
    return answer_key(extract_answer(draft) or draft)


class Relevance:
    """Judges the statements of one episode."""

    def __init__(self, question: str, statements: Sequence[Statement], draft: str | None) -> None:
        """
        Args:
            question: the episode's question.
            statements: all statements, in order.
            draft: the policy's answer, if it gave one.
        """
        self.question = question
        self.statements = tuple(statements)
        self.own = None if draft is None else draft_key(draft)
        self._words = _content(question)
        self._queries = {s.query: _content(s.query) for s in self.statements}
        self._keys = {s: stated_key(s.text) for s in self.statements}

    def deciding(self) -> tuple[Statement, ...]:
        """Select the statements that answer the question, in order.

        These are the answers to queries like the question, and what agrees with one of these or with the draft. All
        statements of the same turn count as well, unless their query was a step, because they were probably asked the
        same in other words.

        If there are none, the policy derived its draft itself, and nothing counts but the draft. Without a draft every
        statement counts; steps are left out, but only where those that remain are not few beside the most common
        answer to a step.
        """
        shared = {self._keys[s] for s in self.statements if s.query in self._like}
        shared -= {None, *_YES_NO_ANSWERS}
        anchors = shared if self.own is None else shared | {self.own}
        agreeing = {s for s in self.statements if self._keys[s] in anchors}
        turns = {(s.turn, s.layer) for s in agreeing}
        chosen = tuple(
            s
            for s in self.statements
            if s.query in self._like
            or self._keys[s] == self.own is not None
            or ((s.turn, s.layer) in turns and s.query not in self._steps)
        )
        return chosen if chosen or self.own is not None else self._without_steps()

    def precedence(self, statement: Statement) -> tuple[bool, bool, float, bool]:
        """How well a statement stands for its candidate's answer to the question; the largest is the vote.

        A candidate that gave the policy's answer and was then asked something else has not retracted it.
        """
        like = statement.query in self._like
        return (
            like,
            not self._is_led(statement),
            self._likeness(statement.query) if like else 0.0,
            self.own is not None and self._keys[statement] == self.own,
        )

    @cached_property
    def _like(self) -> frozenset[str]:
        """The queries that ask the question itself."""
        return frozenset(
            q
            for q in self._queries
            if self._asks_all(q) or (self._likeness(q) >= _LIKE and q not in self._steps)
        )

    @cached_property
    def _steps(self) -> frozenset[str]:
        """The queries that were intermediate steps."""
        return frozenset(q for q in self._queries if not self._asks_all(q) and self._is_step(q))

    def _without_steps(self) -> tuple[Statement, ...]:
        """All statements but those on steps; all of them if that leaves too few.

        Few is no objection where the policy clearly went on from a step to what was missing.
        """
        kept = tuple(s for s in self.statements if s.query not in self._steps)
        doubtful = [q for q in self._steps if not self._is_continued(q)]
        most = max((max(self._votes([q]).values(), default=0) for q in doubtful), default=0)
        return kept if kept and 2 * len({s.model for s in kept}) >= most else self.statements

    def _asks_all(self, query: str) -> bool:
        """Whether a query has all the words of the question: then it is the question, perhaps with more words."""
        words = self._queries[query]
        return words >= self._words if self._words else words == self._words

    def _likeness(self, query: str) -> float:
        return _f1(self._words, self._queries[query])

    def _is_step(self, query: str) -> bool:
        """Whether later queries build on the most common answer to this one, and ask something else.

        A query that is not like the question needs no more evidence. One that is like it may as well have asked the
        question, and the later query an aside; it was a step if the later query goes on to what was missing, or if the
        policy's answer comes from there.
        """
        hops = self._hops(query)
        if not hops or self._likeness(query) < _LIKE:
            return bool(hops)
        return self._is_continued(query) or self._led_to_draft(query, hops)

    def _hops(self, query: str) -> list[Statement]:
        """The later statements whose queries build on the most common answer to this query."""
        words = self._queries[query]
        first = min(s.turn for s in self.statements if s.query == query)
        return [
            later
            for later in self.statements
            if later.turn > first
            # "Is Canberra the capital of Australia?" repeats the words of "Capital of Australia?": a check, no step.
            and 2 * len(words & self._queries[later.query]) < max(1, len(words))
            and self._builds_on(later, query)
        ]

    def _is_continued(self, query: str) -> bool:
        return any(self._goes_on(query, hop) for hop in self._hops(query))

    def _goes_on(self, query: str, hop: Statement) -> bool:
        """Whether a later query asks what this one left open.

        Its words, without those of the answer that it builds on, are mostly the question's; and with the words of this
        query in place of that answer, it is closer to the question than this query is. One that asks for yes or no is
        a check, unless the question asks for that too.
        """
        own = self._queries[hop.query]
        for key in self._common(query, hop.turn):
            own = own - _content(key)
        closer = _f1(self._words, own | self._queries[query]) > self._likeness(query)
        check = _asks_yes_or_no(hop.query) and not _asks_yes_or_no(self.question)
        return closer and 2 * len(own & self._words) > len(own) and not check

    def _led_to_draft(self, query: str, hops: Sequence[Statement]) -> bool:
        """Whether the policy's answer comes from a later query, and answers nothing that was like the question before.

        A lie that the policy took over answers the question as well, so nothing was a step towards it.
        """
        if self.own is None or any(
            self._keys[s] == self.own
            and (s.query == query or (self._likeness(s.query) >= _LIKE and not self._is_led(s)))
            for s in self.statements
        ):
            return False
        first = min(hop.turn for hop in hops)
        return any(s.turn >= first and self._keys[s] == self.own for s in self.statements)

    def _builds_on(self, later: Statement, query: str) -> bool:
        """Whether a later query holds the most common answer to an earlier one, which nothing had mentioned before."""
        known = f"{self.question} | {query}"
        return any(
            _quotes(later.query, key) and not _quotes(known, key)
            for key in self._common(query, later.turn)
        )

    def _common(self, query: str, before: int) -> list[str]:
        """The most common answers to what a query asks, given before a turn.

        Candidates asked the question in different words were asked the same.
        """
        like = self._likeness(query) >= _LIKE
        same = [q for q in self._queries if q == query or (like and self._likeness(q) >= _LIKE)]
        votes = self._votes(same, before)
        return [key for key, count in votes.items() if count == max(votes.values())]

    def _votes(self, queries: Iterable[str], before: int | None = None) -> Counter[str]:
        """The number of candidates that gave each answer to one of these queries, before a turn."""
        wanted = set(queries)
        latest = {
            s.model: key
            for s in self.statements
            if s.query in wanted
            and (before is None or s.turn < before)
            and (key := self._keys[s]) is not None
        }
        return Counter(latest.values())

    def _is_led(self, statement: Statement) -> bool:
        """Whether a statement's query quotes an answer of an earlier turn that the question does not mention."""
        earlier = {key for s, key in self._keys.items() if key and s.turn < statement.turn}
        return any(
            _quotes(statement.query, key) and not _quotes(self.question, key) for key in earlier
        )


def _words_of(text: str) -> list[str]:
    """The words in lower case without articles; each ideograph is one. "6*7" has two."""
    words = _WORD.findall(_POSSESSIVE.sub("", text).casefold())
    return [word for word in words if word not in ("a", "an", "the")]


def _quotes(text: str, key: str) -> bool:
    """Whether a text has the words of an answer, whole and in their order."""
    if len(key) > 2 * len(text) + 20:  # an answer may be as long as a candidate likes
        return False
    words = " ".join(_words_of(key))
    return bool(words) and f" {words} " in f" {' '.join(_words_of(text))} "


def _content(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning."""
    return frozenset(_words_of(text)) - _FUNCTION_WORDS


def _asks_yes_or_no(text: str) -> bool:
    return next(iter(_words_of(text)), "") in _YES_NO_WORDS


def _f1(one: frozenset[str], other: frozenset[str]) -> float:
    """F1 of two sets of words."""
    total = len(one) + len(other)
    return 2.0 * len(one & other) / total if total else 0.0
