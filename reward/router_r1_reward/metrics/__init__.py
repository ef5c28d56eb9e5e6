"""Metrics: is an answer right? Each scores an answer from 0 to 1 and takes the best score over the accepted answers.

Each metric is one module or package of this folder, or of an installed extension; `router-r1 list metrics` shows them
and `base.Metric` says what one consists of.

A metric that cannot score raises: a failure is never a score of 0. `None`, no answer, scores 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    if not found.short_answer:
        return _best_score(answer, golds, found, question)
    reply = without_thoughts(answer)
    best = _best_score(reply, golds, found, question)
    if best < 1.0 and any(found.part_may_score(reply, gold) for gold in golds):
        final = extract_answer(answer)
        if final is not None and final != reply:
            best = max(best, _best_score(final, golds, found, question))
    return best


def _best_score(
    text: str, golds: Sequence[str], metric: Metric, question: Question | None
) -> float:
    """The best score of a text over the gold answers; those after one that it equals are not tried."""
    best = 0.0
    for gold in golds:
        score = metric.grade(text, gold, question)
        if score > best:
            best = score
            if best == 1.0:
                break
    return best


def check_metrics(questions: Iterable[Question]) -> None:
    """Reject unknown metrics before any model is called. Raises `DataError`, which names the first such question."""
    for question in questions:
        if question.metric not in METRICS:
            raise DataError(
                f"the question {question.id!r} has the unknown metric {question.metric!r}; "
                f"expected one of {', '.join(METRICS)}"
            )
