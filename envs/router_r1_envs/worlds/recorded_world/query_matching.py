"""Whether a route asks the question of its episode: a table holds answers to nothing else."""

from __future__ import annotations

from router_r1.answers import normalize_answer
from router_r1.data.options import options_below, with_options
from router_r1.data.questions import Question
from router_r1.protocol import forwards

_COURTESIES = frozenset({"please", "question", "answer", "following", "this"})
"""Words that a query may add to the question."""


def asks(query: str, *questions: Question) -> bool:
    """Whether the query is one of these questions, with or without its options, or the word `question`.

    Case, punctuation, articles and courtesies do not count. A similar query does not match, because it may ask
    something else and would get the answer to this question.

    Args:
        query: what the policy wrote between the route tags.
        questions: the question in each form it may be asked in, e.g. with its options in either order.
    """
    if forwards(query):
        return True
    asked = _content_words(query)
    return any(
        asked == _content_words(text)
        for question in questions
        for text in (question.question, with_options(question), _without_options(question))
    )


def _content_words(text: str) -> list[str]:
    words = normalize_answer(text).split()
    return [word for word in words if word not in _COURTESIES] or words


def _without_options(question: Question) -> str:
    text = question.question.rstrip()
    return text.removesuffix(options_below(question)).rstrip() if question.choices else text
