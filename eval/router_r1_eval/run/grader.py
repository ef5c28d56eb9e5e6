"""Graders, which score answers: their interface, and the one that grades by metric. `judge_grader.py` asks a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from router_r1.data.questions import Question
from router_r1_reward import grade


class Grader(Protocol):
    """Scores answers."""

    def __call__(self, question: Question, answer: str | None) -> float:
        """The score of an answer, 0 to 1; None means no answer."""


@dataclass(frozen=True)
class MetricGrader:
    """Grades by the metric of the question."""

    allow_code: bool = False
    """Run the programs in answers to questions about code."""

    def __call__(self, question: Question, answer: str | None) -> float:
        """The score of an answer, 0 to 1; None means no answer."""
        return grade(
            answer,
            question.answers,
            question.metric,
            question=question,
            allow_code=self.allow_code,
        )
