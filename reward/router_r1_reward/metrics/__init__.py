"""Is an answer right? Named metrics, each a number from 0 to 1, the best over the accepted answers.

| metric | right when |
| --- | --- |
| `em` | equal to a gold answer after SQuAD's normalisation |
| `f1` | as far as the words agree (multisets; yes, no and noanswer only as a whole) |
| `contains` | a gold answer occurs in it, at word borders |
| `choice` | it names the option, by letter or by text (`choices.py`) |
| `math` | it is the same number or expression (`maths.py`) |
| `code` | the program passes the tests, in a sandbox (`grader.py`); off unless allowed |
| `ifeval` | it follows all instructions in the question's metadata (`instructions.py`); the gold answer does not matter |
| `toxicity` | as far as a classifier that you name finds it harmless (`toxicity.py`); the gold answer is unused |

A metric that can not score raises; nothing that goes wrong becomes a 0. `None`, no answer, scores 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    """How right an answer is, from 0 to 1: the best over the gold answers.

    Args:
        answer: what was answered; None scores 0.
        golds: the accepted answers; for `code` without `question.metadata["tests"]`, the one test program.
        metric: a name in `METRICS`.
        question: for what a metric needs beyond the gold answer: `choices`, and `metadata` for `code` and `ifeval`.
        allow_code: run programs; the environment variable ROUTER_R1_ALLOW_CODE=1 does the same.

    Raises:
        ConfigError: no such metric, or `code` without permission or without a sandbox.
        DataError: a gold answer, or an instruction, that the metric can not read.
        ScorerError: the metric itself failed.
        MissingDependencyError: math-verify (to compare expressions) or py3langid (to tell languages) is needed and not installed.
    """
    found = METRICS.find(metric)
    if isinstance(golds, str):
        golds = (golds,)
    if not golds:
        raise DataError("there is no gold answer; a question needs at least one")
    if found.runs_code:
        # Late, because the graders register themselves in this package.
        from router_r1_reward.metrics.code.grader import require_permission

        require_permission(allow_code)
    if answer is None:
        return 0.0
    best = 0.0
    for gold in golds:
        best = max(best, found.grade(answer, gold, question))
        if best == 1.0:
            break
    return best


def check_metrics(questions: Iterable[Question]) -> None:
    """Find a metric that there is not before anybody is asked. Raises `DataError`, which names the first such question."""
    for question in questions:
        if question.metric not in METRICS:
            raise DataError(
                f"the question {question.id!r} has the metric {question.metric!r}; it is one of {', '.join(METRICS)}"
            )
