"""The metrics `em`, `f1` and `contains`: comparison of short texts after SQuAD's normalisation.

The normalisation (Rajpurkar et al., 2016, arXiv 1606.05250) lowers case and removes punctuation, articles and extra
spaces; it is `router_r1.answers.normalize_answer`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from router_r1.answers import without_thoughts
from router_r1.answers.keys import normalized_words
from router_r1.data.questions import Question
from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.wrong_answers import unrelated_texts

_ALL_OR_NOTHING = frozenset({"yes", "no", "noanswer"})
"""Answers without partial credit, as in HotpotQA's F1."""


def exact_match(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if answer and gold answer are equal after normalisation.

    Args:
        answer: a short answer or a whole reply.
        gold: the gold answer.
        question: unused.
    """
    return float(_normalized(answer).text == _gold(gold).text)


def f1(answer: str, gold: str, question: Question | None = None) -> float:
    """The harmonic mean of precision and recall over normalised words, as multisets:

        F1 = 2 * |answer and gold| / (|answer| + |gold|)

    "yes", "no" and "noanswer" match only as a whole.

    Args:
        answer: a short answer or a whole reply.
        gold: the gold answer.
        question: unused.
    """
    said, right = _normalized(answer), _gold(gold)
    if said.text == right.text:
        return 1.0
    if said.text in _ALL_OR_NOTHING or right.text in _ALL_OR_NOTHING:
        return 0.0
    said_words, gold_words = said.words or said.text.split(), right.words or right.text.split()
    words = set(gold_words)
    shared = words.intersection(said_words)
    common = len(shared)
    if len(words) < len(gold_words):  # a word that occurs twice counts twice
        common = sum(min(gold_words.count(word), said_words.count(word)) for word in shared)
    return 2.0 * common / (len(said_words) + len(gold_words))


def contains(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the gold answer occurs in the answer as whole words, both normalised.

    Args:
        answer: a short answer or a whole reply.
        gold: the gold answer.
        question: unused.
    """
    return float(f" {_gold(gold).text} " in f" {_normalized(without_thoughts(answer)).text} ")


class _Normal(NamedTuple):
    """A normalised text."""

    text: str
    """The text in lower case if the normalisation leaves nothing of it ("The", "+")."""
    words: list[str]
    """Its words; none if the normalisation leaves nothing of it."""


def _normal(text: str) -> _Normal:
    words = normalized_words(text)
    return _Normal(" ".join(words) or text.strip().casefold(), words)


_normalized = lru_cache(maxsize=8)(_normal)  # a reply is compared with every gold answer
_gold = lru_cache(maxsize=4096)(_normal)


def _part_may_equal(reply: str, gold: str) -> bool:
    """Whether a part of a reply may be equal to the gold answer: all its words occur in the reply.

    A part of a reply is what stands in one place of it, so its words occur in the normalised reply, whole or within
    longer words. Only where markup was removed from within the part they may not.
    """
    return _has_markup(reply) or all(map(_normalized(reply).text.__contains__, _gold(gold).words))


def _has_markup(reply: str) -> bool:
    """Whether a reply may have markup within its answer that reading the answer removes (HTML, LaTeX, struck text)."""
    return "<" in reply or "\\" in reply or "~~" in reply


register(
    Metric(
        "em",
        "equal to a gold answer after SQuAD's normalisation",
        exact_match,
        short_answer=True,
        part_may_score=_part_may_equal,
    )
)
register(
    Metric(
        "f1",
        "overlap of words (as multisets) with a gold answer",
        f1,
        short_answer=True,
        partial_credit=True,
    )
)
register(
    Metric(
        "contains",
        "a gold answer occurs in the reply as whole words",
        contains,
        # The question is left out: "Which is older, A or B?" contains the right answer.
        wrong_answers=unrelated_texts,
    )
)
