"""The metric `python_literal`: does a reply state the same Python literal as the gold answer?

For questions such as CRUX's "What does f([1, 2]) return?", whose answers are literals. `value.py` says which literals are
the same, `reading.py` where a reply states one. Where the gold answer is a string, the reply may leave out the quotes,
because JSON and extraction drop them: `abc` states 'abc'. Within a list they count.
"""

from __future__ import annotations

from functools import lru_cache

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics.base import Metric, register
from router_r1_reward.metrics.python_literal.reading import read
from router_r1_reward.metrics.python_literal.value import Value, parse, same, unescape
from router_r1_reward.metrics.wrong_answers import NO_ANSWER


def same_literal(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if a reply states the same literal as the gold answer.

    Args:
        answer: a whole reply or a short answer.
        gold: the gold answer, a literal.
        question: unused.

    Raises:
        DataError: the gold answer is no Python literal.
    """
    if not answer.strip():
        return 0.0
    expected = _gold(gold)
    if expected is None:
        raise DataError(
            f"the gold answer {gold[:60]!r} is no Python literal; the metric python_literal needs one, such as [1, 'a']"
        )
    stated = read(answer)
    if any(same(value, expected) for value in stated.values):
        return 1.0
    if expected[0] != "str":
        return 0.0
    return float(any(expected[1] in (text, unescape(text)) for text in stated.texts))


@lru_cache(maxsize=4096)
def _gold(gold: str) -> Value | None:
    return parse(gold.strip())


def _problem(question: Question) -> str:
    unread = [answer for answer in question.answers if _gold(answer) is None]
    return f"its gold answer {unread[0][:60]!r} is no Python literal" if unread else ""


def _nearby_literals(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER`, and literals that differ from the gold answer by a bracket, an item or their type."""
    others = (f"[{gold}]", f"({gold},)", "'zzyzx'", "None", "-987654321", f"{gold} + 1")
    expected = _gold(gold)
    found = [(other, parse(other)) for other in others]
    return (
        *NO_ANSWER,
        *(o for o, v in found if expected is None or v is None or not same(v, expected)),
    )


register(
    Metric(
        "python_literal",
        "the same Python literal as a gold answer",
        same_literal,
        question_problem=_problem,
        wrong_answers=_nearby_literals,
    )
)
