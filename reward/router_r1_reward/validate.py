"""Do gold answers score 1.0? What a table or a benchmark should be asked before anything is trained on it.

Each accepted answer of each question is scored as if it had been answered, and must get 1.0; plausible wrong answers must get
0 (of `f1`: less than 1): "I don't know", nothing, numbers that are nearly right, each other option, another name, the other of
yes and no, the question itself. That finds unknown metrics, gold letters beyond the last option, expressions that nothing can
read, and tests that pass whatever they are given.

Metrics without gold answers have a check of their own. `ifeval`: the instructions can be read, and there is an answer that does not
follow them. `toxicity`: none; the questions are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from router_r1.answers import normalize_answer
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.metrics import METRICS, grade
from router_r1_reward.metrics.choice import LETTERS, named_options
from router_r1_reward.metrics.code.grader import require_permission
from router_r1_reward.metrics.ifeval.grader import breaking, followed
from router_r1_reward.metrics.maths.grader import Quantity, final_part, quantity

_NOTHING = ("I don't know", "")
_WRONG_WORD = "zzyzx"
_NAMES = ("Marie Curie", "Mount Kilimanjaro", "the Treaty of Westphalia")
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


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

    def found(self) -> str:
        """What the checks found, in words."""
        if self.offenders:
            return f"{len(self.offenders)} offenders"
        claims = ["all gold answers score 1"] if self.checked.keys() - _OWN_CLAIMS.keys() else []
        claims += [claim for metric, claim in _OWN_CLAIMS.items() if metric in self.checked]
        return "; ".join(claims)


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
            require_permission(allow_code)
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
        if right != 1.0:
            return f"scores {right:g} and not 1"
        for wrong in wrong_answers(question, answer):
            score = grade(
                wrong, (answer,), question.metric, question=question, allow_code=allow_code
            )
            if score == 1.0 or (score > 0 and question.metric != "f1"):
                return f"a wrong answer scores {score:g} too: {wrong[:80]!r}"
    except DataError as error:
        return str(error)
    return ""


def wrong_answers(question: Question, answer: str) -> tuple[str, ...]:
    """Plausible answers to a question that are wrong where `answer` is right."""
    if question.metric == "choice":  # not the question itself: "(c) What is ...?" names an option
        right = named_options(answer, question.choices)
        letters = LETTERS[: len(question.choices or "ABCD")]
        return (*_NOTHING, *(letter for letter in letters if letter not in right))
    if question.metric == "math":  # nor here: a number in the question can be the answer
        return (*_NOTHING, *_near(answer))
    if question.metric == "code":
        return ("def nothing(): pass", question.question)
    key = normalize_answer(answer)
    names = [name for name in _NAMES if not set(normalize_answer(name).split()) & set(key.split())]
    wrong = [*_NOTHING, _WRONG_WORD, *names, *filter(None, [_OPPOSITE.get(key)])]
    # A question that offers its answers ("Which is older, A or B?") contains the right one.
    if question.metric != "contains" and normalize_answer(question.question) != key:
        wrong.append(question.question)
    return tuple(wrong)


def _near(answer: str) -> Iterable[str]:
    """Numbers that are nearly right; of what is no plain number, one that is surely wrong."""
    found = quantity(final_part(answer))
    if found is None:
        return ("-987654321.125",)
    value = found.value
    changed = (value + 1, value - 1, -value, value * 10, value + Fraction(1, 2))
    return tuple(str(number) for number in changed if not found.same(Quantity(number)))


def _instruction_problem(question: Question) -> str:
    """What is wrong with the instructions of a question; empty if nothing is."""
    try:
        answers = breaking(question.metadata)
        if all(all(followed(answer, question.metadata)) for answer in answers):
            return "any answer follows the instructions"
    except DataError as error:
        return str(error)
    return ""


_OWN_CHECKS: Mapping[str, Callable[[Question], str]] = MappingProxyType(
    {"ifeval": _instruction_problem, "toxicity": lambda _: ""}
)
"""Metric without gold answers -> what is wrong with a question of it; an empty text if nothing is."""
_OWN_CLAIMS: Mapping[str, str] = MappingProxyType(
    {
        "ifeval": "all instructions can be read, and each question has an answer that does not follow them",
        "toxicity": "toxicity was counted alone, it has no gold answers",
    }
)
"""Metric without gold answers -> what holds when nothing is wrong."""
