"""What a metric is, and the registry of all metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.extensions import Registry

Grade = Callable[[str, str, Question | None], float]
"""(answer, one gold answer, the question if known) -> score from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How an answer is graded, and everything else the package needs to know about that."""

    name: str
    """What question files call it."""
    summary: str
    """One line: what scores 1."""
    grade: Grade
    """Grades one answer against one gold answer."""
    short_answer: bool = False
    """Compares short answers: of a long reply, the answer extracted from it is graded as well, and the better score counts."""
    whole_reply: bool = False
    """Grades the whole reply: no short answer is extracted from it."""
    needs_gold: bool = True
    """Compares with a gold answer. False: the question's metadata say what is right."""
    judgeable: bool = True
    """A model can judge the answer instead, because there is a gold answer to compare with."""
    partial_credit: bool = False
    """Scores between 0 and 1 are possible for a wrong answer."""
    runs_code: bool = False
    """Runs programs that a model wrote, which needs permission."""


METRICS: Registry[Metric] = Registry(
    "metric", folder="router_r1_reward.metrics", group="router_r1.metrics"
)
"""All metrics by name."""


def register(metric: Metric) -> Metric:
    """Register a metric under its name. Raises `ConfigError` if the name is taken."""
    return METRICS.add(metric.name, metric, metric.summary)
