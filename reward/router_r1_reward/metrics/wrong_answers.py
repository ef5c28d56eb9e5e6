"""Plausible wrong answers to a question, which no metric may accept.

`router-r1 reward validate` grades them to find metrics and questions that accept too much. Those made here suit metrics
that compare texts, and are the default of `Metric.wrong_answers`. A metric that needs other wrong answers (the other
options, numbers that are nearly right) makes them in its own file.
"""

from __future__ import annotations

from router_r1.answers import normalize_answer
from router_r1.data.questions import Question

NO_ANSWER = ("I don't know", "")
"""Replies that answer no question."""

_UNKNOWN_WORD = "zzyzx"
_NAMES = ("Marie Curie", "Mount Kilimanjaro", "the Treaty of Westphalia")
_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


def wrong_texts(question: Question, gold: str) -> tuple[str, ...]:
    """`unrelated_texts`, and the question itself unless it is the gold answer."""
    texts = unrelated_texts(question, gold)
    echo = normalize_answer(question.question) != normalize_answer(gold)
    return (*texts, question.question) if echo else texts


def unrelated_texts(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER`, an unknown word, names that share no word with the gold answer; for yes/no and true/false,
    also the opposite."""
    key = normalize_answer(gold)
    words = set(key.split())
    names = [name for name in _NAMES if words.isdisjoint(normalize_answer(name).split())]
    opposite = (_OPPOSITES[key],) if key in _OPPOSITES else ()
    return (*NO_ANSWER, _UNKNOWN_WORD, *names, *opposite)
