"""Metrics: is an answer right? Each scores an answer from 0 to 1 and takes the best score over the accepted answers.

Each metric is one module or package of this folder, or of an installed extension; `router-r1 list metrics` shows them
and `base.Metric` says what one consists of.

A metric that cannot score raises: a failure is never a score of 0. `None`, no answer, scores 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from router_r1.answers import extract_answer, without_thoughts
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics.base import METRICS, Metric

__all__ = ["METRICS", "Metric", "check_metrics", "grade"]


def grade(
    answer: str | None,
    golds: Sequence[str],
    metric: str,
    *,
    question: Question | None = None,
    allow_code: bool = False,
) -> float:
    """Grade an answer: the best score over the gold answers, from 0 to 1.

    Args:
        answer: the answer; None scores 0.
        golds: the accepted answers, at least one.
        metric: a name in `METRICS`.
        question: the question, for metrics that read more of it than the gold answers (its choices, its metadata).
        allow_code: permit metrics that run programs from answers; the environment variable ROUTER_R1_ALLOW_CODE=1 does
            the same.

    Raises:
        ConfigError: the metric is unknown, lacks permission, or cannot work on this machine as it is set up.
        DataError: there is no gold answer, or the metric cannot read the gold answer or the question.
        ScorerError: the metric itself failed.
        MissingDependencyError: the metric needs a package that is not installed.
    """
    found = METRICS.find(metric)
    if isinstance(golds, str):
        golds = (golds,)
    if not golds:
        raise DataError("there is no gold answer; a question needs at least one")
    found.require_permission(allow_code)
    if answer is None:
        return 0.0
    best = 0.0
    for text in _graded_texts(answer, golds, found) if found.short_answer else (answer,):
        for gold in golds:
            best = max(best, found.grade(text, gold, question))
            if best == 1.0:
                return best
    return best


def _graded_texts(answer: str, golds: Sequence[str], metric: Metric) -> Iterator[str]:
    """The texts of which the best scores for a metric that grades short answers: the reply, and the answer in it."""
    reply = without_thoughts(answer)
    yield reply
    if not any(metric.part_may_score(reply, gold) for gold in golds):
        return
    final = extract_answer(answer)
    if final is not None and final != reply:
        yield final


def check_metrics(questions: Iterable[Question]) -> None:
    """Reject unknown metrics before any model is called. Raises `DataError`, which names the first such question."""
    for question in questions:
        if question.metric not in METRICS:
            raise DataError(
                f"the question {question.id!r} has the unknown metric {question.metric!r}; "
                f"expected one of {', '.join(METRICS)}"
            )
