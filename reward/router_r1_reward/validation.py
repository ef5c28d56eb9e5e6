"""Do gold answers score 1? Check a table or a benchmark before training on it.

Every accepted answer of every question is graded as if a model had given it, and must score 1. Plausible wrong answers
(`Metric.wrong_answers`) must score 0, or below 1 where the metric gives partial credit. That finds unknown metrics,
gold letters beyond the last option, expressions that math-verify cannot read, and tests that pass any program.

Where a metric has no gold answers, only wrong answers are graded, and one of them must score below 1. Where it has no
wrong answers either, its questions are counted and not checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics import METRICS, Metric, grade


@dataclass(frozen=True, slots=True)
class Offender:
    """A question that fails the check."""

    id: str
    metric: str
    answer: str
    problem: str


@dataclass(frozen=True)
class Report:
    """The result of `validate`."""

    checked: dict[str, int]
    """Metric -> number of questions."""
    offenders: tuple[Offender, ...]

    @property
    def ok(self) -> bool:
        """True when there are no offenders."""
        return not self.offenders

    def found(self) -> str:
        """The result in words, for the command line."""
        if self.offenders:
            return f"{len(self.offenders)} offenders"
        metrics = sorted((METRICS[name] for name in self.checked), key=_gold_first)
        return "; ".join(dict.fromkeys(metric.validated for metric in metrics))


def validate(questions: Iterable[Question], *, allow_code: bool = False) -> Report:
    """Check the gold answers of all questions.

    Args:
        questions: the questions, of any metrics.
        allow_code: permit metrics that run programs from answers.

    Raises:
        ConfigError: a metric needs permission and has none, or cannot work on this machine as it is set up.
        MissingDependencyError, ScorerError: a metric cannot work, for a reason that is not the question.
    """
    checked: Counter[str] = Counter()
    offenders: list[Offender] = []
    for question in questions:
        checked[question.metric] += 1
        offenders.extend(_check(question, allow_code))
    return Report(dict(checked), tuple(offenders))


def _check(question: Question, allow_code: bool) -> Iterator[Offender]:
    """The offenders of one question, at most one for each gold answer."""
    metric = METRICS.get(question.metric)
    if metric is None:
        problem = f"no such metric; expected one of {', '.join(METRICS)}"
        yield Offender(question.id, question.metric, question.answers[0], problem)
        return
    metric.require_permission(allow_code)
    for answer in question.answers if metric.needs_gold else question.answers[:1]:
        try:
            problem = metric.question_problem(question) or _problem(
                question, metric, answer, allow_code
            )
        except DataError as error:
            problem = str(error)
        if problem:
            yield Offender(question.id, metric.name, answer, problem)


def _problem(question: Question, metric: Metric, gold: str, allow_code: bool) -> str:
    """What is wrong with the scores of the gold answer and of wrong answers; empty if nothing is."""

    def score(answer: str) -> float:
        return grade(answer, (gold,), metric.name, question=question, allow_code=allow_code)

    if not metric.needs_gold:
        wrong_answers = metric.wrong_answers(question, gold)
        every_answer = bool(wrong_answers) and all(score(wrong) == 1.0 for wrong in wrong_answers)
        return "any answer scores 1" if every_answer else ""
    if (right := score(gold)) != 1.0:
        return f"scores {right:g} and not 1"
    for wrong in metric.wrong_answers(question, gold):
        found = score(wrong)
        if found == 1.0 or (found > 0 and not metric.partial_credit):
            return f"a wrong answer scores {found:g} too: {wrong[:80]!r}"
    return ""


def _gold_first(metric: Metric) -> tuple[bool, str]:
    return not metric.needs_gold, metric.name
