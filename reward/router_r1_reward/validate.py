"""Do gold answers score 1.0? What a table or a benchmark should be asked before anything is trained on it.

Each accepted answer of each question is scored as if it had been answered, alone and among the others, and must get
1.0; a deliberately wrong answer must not. That finds unknown metrics, gold letters beyond the last option, expressions that nothing
can read, and tests that pass whatever they are given.

A metric without gold answers has a check of its own. `ifeval`: the instructions can be read, and there is an answer that
does not follow them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from router_r1.errors import DataError
from router_r1.questions import Question
from router_r1_reward import instructions, programs
from router_r1_reward.choices import named_options
from router_r1_reward.metrics import METRICS, grade

_WRONG = {"math": "-987654321.125", "code": "def nothing(): pass"}
_WRONG_WORD = "zzyzx"


@dataclass(frozen=True, slots=True)
class Offender:
    """A question whose gold answer does not do what it should."""

    id: str
    metric: str
    answer: str
    problem: str


@dataclass(frozen=True)
class Report:
    """What `validate` found."""

    checked: dict[str, int]
    """Metric -> number of questions."""
    offenders: tuple[Offender, ...]

    @property
    def ok(self) -> bool:
        """True when there are no offenders."""
        return not self.offenders


def validate(questions: Iterable[Question], *, allow_code: bool = False) -> Report:
    """Score the gold answers of all questions.

    Raises:
        ConfigError: there are programs to run, and no permission.
        MissingDependencyError, ScorerError: a metric can not work here; that is no fault of the questions.
    """
    checked: Counter[str] = Counter()
    offenders: list[Offender] = []
    for question in questions:
        checked[question.metric] += 1
        if question.metric not in METRICS:
            problem = f"no such metric; it is one of {', '.join(METRICS)}"
            offenders.append(Offender(question.id, question.metric, question.answers[0], problem))
            continue
        if question.metric == "code":
            programs.require_permission(allow_code)
        offenders.extend(_check(question, allow_code))
    return Report(dict(checked), tuple(offenders))


def _check(question: Question, allow_code: bool) -> Iterable[Offender]:
    if question.metric in _OWN_CHECKS:
        problem = _OWN_CHECKS[question.metric](question)
        if problem:
            yield Offender(question.id, question.metric, question.answers[0], problem)
        return
    for answer in question.answers:
        problem = _problem(question, answer, allow_code)
        if problem:
            yield Offender(question.id, question.metric, answer, problem)


def _problem(question: Question, answer: str, allow_code: bool) -> str:
    if question.metric == "code" and "tests" not in question.metadata:
        return "metadata has no tests, so the answer is the test program and nothing can be scored against it"
    try:
        right = grade(answer, (answer,), question.metric, question=question, allow_code=allow_code)
        wrong = grade(
            _wrong(question, answer), (answer,), question.metric, question=question, allow_code=allow_code
        )  # fmt: skip
    except DataError as error:
        return str(error)
    if right != 1.0:
        return f"scores {right:g} and not 1"
    return "a wrong answer scores 1 too" if wrong == 1.0 else ""


def _wrong(question: Question, answer: str) -> str:
    """An answer that must not be right."""
    if question.metric == "choice":
        return "A" if "A" not in named_options(answer, question.choices) else "B"
    return _WRONG.get(question.metric, _WRONG_WORD)


def _instruction_problem(question: Question) -> str:
    """What is wrong with the instructions of a question; empty if nothing is."""
    try:
        answers = instructions.breaking(question.metadata)
        if all(all(instructions.followed(answer, question.metadata)) for answer in answers):
            return "any answer follows the instructions"
    except DataError as error:
        return str(error)
    return ""


_OWN_CHECKS: Mapping[str, Callable[[Question], str]] = MappingProxyType(
    {"ifeval": _instruction_problem}
)
"""Metric without gold answers -> what is wrong with a question of it; an empty text if nothing is."""
