"""The metrics `em`, `f1` and `contains`: comparison of short texts after SQuAD's normalisation.

The normalisation (Rajpurkar et al., 2016, arXiv 1606.05250) lowers case and removes punctuation, articles and extra
spaces; it is `router_r1.answers.normalize_answer`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from router_r1.answers import normalize_answer, without_thoughts
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
    return float(_normalized(answer) == _gold(gold).text)


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
    if said == right.text:
        return 1.0
    if said in _ALL_OR_NOTHING or right.text in _ALL_OR_NOTHING:
        return 0.0
    said_words, gold_words = said.split(), right.words or right.text.split()
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
    return float(f" {_gold(gold).text} " in f" {_normalized(without_thoughts(answer))} ")


@lru_cache(maxsize=8)  # a reply is compared with every gold answer
def _normalized(text: str) -> str:
    """The normalised text, or the text in lower case if the normalisation leaves nothing of it ("The", "+")."""
    return normalize_answer(text) or text.strip().casefold()


class _Gold(NamedTuple):
    """A gold answer, normalised."""

    text: str
    """As `_normalized` returns it."""
    words: list[str]
    """Its words; none if the normalisation leaves nothing of it."""


@lru_cache(maxsize=4096)
def _gold(gold: str) -> _Gold:
    normalized = normalize_answer(gold)
    return _Gold(normalized or gold.strip().casefold(), normalized.split())


def _part_may_equal(reply: str, gold: str) -> bool:
    """Whether a part of a reply may be equal to the gold answer: all its words occur in the reply.

    A part of a reply is what stands in one place of it, so its words occur in the normalised reply, whole or within
    longer words. Only where markup was removed from within the part they may not.
    """
    return _has_markup(reply) or all(map(_normalized(reply).__contains__, _gold(gold).words))


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
