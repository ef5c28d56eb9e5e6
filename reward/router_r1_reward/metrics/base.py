"""What a metric is, and the registry of all metrics.

A metric is one module or package in this folder, or in an installed extension, that calls `register(Metric(...))` when
it is imported. Everything the rest of the project needs to know about a metric is a field of its `Metric`; no other
file checks for a metric's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.extensions import Registry
from router_r1_reward.metrics.wrong_answers import wrong_texts

Grade = Callable[[str, str, Question | None], float]
"""(answer, one gold answer, the question if known) -> score from 0 to 1."""


def always_permitted(allow_code: bool) -> None:
    """The default of `Metric.require_permission`: grading needs no permission."""


def any_part_may_score(reply: str, gold: str) -> bool:
    """The default of `Metric.part_may_score`: the answer in a reply is always looked for."""
    return True


def no_problem(question: Question) -> str:
    """The default of `Metric.question_problem`: every question can be graded."""
    return ""


@dataclass(frozen=True, slots=True)
class Metric:
    """How an answer is graded, and everything else the project needs to know about the metric."""

    name: str
    """The name that question files use."""
    summary: str
    """One line: what scores 1."""
    grade: Grade
    """Grades one answer against one gold answer."""
    short_answer: bool = False
    """True: grades short answers. The answer extracted from a long reply is graded too, and the better score counts."""
    part_may_score: Callable[[str, str], bool] = any_part_may_score
    """(reply, gold answer) -> False if no part of the reply scores above 0, so that no answer need be extracted; for
    metrics with `short_answer`. The reply is without thoughts."""
    whole_reply: bool = False
    """True: grades the whole reply; no short answer is extracted from it."""
    needs_gold: bool = True
    """True: compares with a gold answer. False: the question's metadata, or the metric alone, decide what is right."""
    judgeable: bool = True
    """True: a model can judge the answer instead, because there is a gold answer to compare with."""
    partial_credit: bool = False
    """True: a wrong answer can score between 0 and 1."""
    require_permission: Callable[[bool], None] = always_permitted
    """Called with the caller's `allow_code` before grading; raises `ConfigError` unless that is permitted."""
    question_problem: Callable[[Question], str] = no_problem
    """Why answers to a question cannot be graded; empty if they can."""
    wrong_answers: Callable[[Question, str], tuple[str, ...]] = wrong_texts
    """(question, gold answer) -> plausible wrong answers, for `router-r1 reward validate`. Each must score 0, or below
    1 with `partial_credit`. Without `needs_gold`, one of them must score below 1."""
    validated: str = "all gold answers score 1"
    """What `router-r1 reward validate` reports when it found nothing wrong."""
    final_value: Callable[[str], str | None] | None = None
    """(reply) -> the value it concludes with, in a canonical notation; for metrics whose values have many notations."""


METRICS: Registry[Metric] = Registry(
    "metric", folder="router_r1_reward.metrics", group="router_r1.metrics"
)
"""All metrics by name."""


def register(metric: Metric) -> Metric:
    """Register a metric under its name. Raises `ConfigError` if the name is taken."""
    return METRICS.add(metric.name, metric, metric.summary)
