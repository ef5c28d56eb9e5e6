"""Does a query ask something, and is an answer the policy's own? Placeholders and copies of the prompt are not.

What a prompt shows (its form, its example, the candidates' descriptions) is found by building it for a question of one
mark: every text of it that a policy could copy is in that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from router_r1.model_cards import ModelCard
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.protocol import unescape

_WORD = re.compile(r"\w+")
_BLOCK = re.compile(r"<(route|search|answer)\b[^>]*>(.*?)</\1>", re.DOTALL)
_FILLERS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "have",
        "how",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
        "question",
        "answer",
        "query",
        "please",
    ]
)
"""Words that occur in any question."""
_COPY_WORDS = 5
"""A piece of the prompt this long that is all of a query is a copy."""


class Sense:
    """Judges the queries and the answer of one question under one prompt."""

    def __init__(
        self,
        question: str,
        prompt: PromptBuilder,
        cards: Sequence[ModelCard],
        context: PromptContext,
    ) -> None:
        """
        Args:
            question: the text of the question.
            prompt: what the policy read.
            cards: the candidates.
            context: the limits that the prompt states.
        """
        shown = "\n".join(message["content"] for message in prompt("?", cards, context))
        self._shown = f" {_plain(shown)} "
        self._blocks = {_plain(unescape(match[2])) for match in _BLOCK.finditer(shown)} - {""}
        self._known = set(_plain(question).split()) - _FILLERS
        self._question = question

    def of_query(self, query: str, read: str = "") -> bool:
        """Whether a query has a word of the question, or of what the policy has read since, and is no copy.

        Args:
            query: the query.
            read: the replies that came before it.
        """
        words = _plain(query)
        told = self._known | (set(_plain(read).split()) - _FILLERS)
        return bool(set(words.split()) & told) and not self._copied(words)

    def of_answer(self, answer: str) -> bool:
        """Whether an answer is no copy of an answer or a query that the prompt shows."""
        words = _plain(answer)
        # One word or one letter of the example may be right by itself; that is for the grader to say.
        return words not in self._blocks or f" {words} " in f" {_plain(self._question)} "

    def _copied(self, words: str) -> bool:
        long = len(words.split()) >= _COPY_WORDS and f" {words} " in self._shown
        return long or words in self._blocks


def _plain(text: str) -> str:
    """The words of a text, in lower case."""
    return " ".join(_WORD.findall(text.lower()))
