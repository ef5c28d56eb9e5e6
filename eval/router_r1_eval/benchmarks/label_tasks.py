"""Suites of labelled tasks, such as GLUE: questions with the labels as options, and the scores of each task.

A task turns a row into a text and offers its labels as options. Its scores are called `TASK/NAME`; `score` is the mean
over tasks of the mean of each task's scores, which is how the suites define it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks import corpus_scores
from router_r1_eval.benchmarks.base import CorpusScores
from router_r1_eval.benchmarks.questions import multiple_choice
from router_r1_eval.benchmarks.rows import SourceRow, cell, integer


def accuracy(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Accuracy alone."""
    return {"accuracy": corpus_scores.accuracy(*corpus_scores.labels(questions, answers))}


@dataclass(frozen=True)
class LabelTask:
    """A task whose answers are labels."""

    asked: Callable[[SourceRow], str]
    """The question of a row, without options."""
    options: tuple[str, ...]
    """The meaning of each label, in the order of their numbers."""
    scores: CorpusScores = accuracy
    """The scores that the suite reports for this task."""

    def question(self, suite: str, task: str, row: SourceRow) -> Question:
        """The question of a row.

        Args:
            suite: name of the benchmark.
            task: name of the task, which becomes the category.
            row: the row.
        """
        return multiple_choice(
            suite, row_key(task, row), self.asked(row), self.options, label(row), category=task
        )


def row_key(task: str, row: SourceRow) -> str:
    """`TASK/INDEX`; the index has several numbers where several rows come from one text."""
    index = cell(row, "idx")
    numbers = index.values() if isinstance(index, Mapping) else [index]
    return f"{task}/{'-'.join(map(str, numbers))}"


def label(row: SourceRow) -> int:
    """The number of a row's label. Raises `DataError` if it is not published."""
    found = row.get("label")
    number = integer({**row, "label": int(found)} if isinstance(found, bool) else row, "label")
    if number < 0:
        raise DataError(
            "the label is -1: labels of the test sets are not published; leave `split` out for the validation set"
        )
    return number


def suite_scores(tasks: Mapping[str, CorpusScores]) -> CorpusScores:
    """The scores of a suite, from those of its tasks. Tasks without a question are left out."""

    def scores(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
        found: dict[str, float] = {}
        means: list[float] = []
        for task, task_scores in tasks.items():
            pairs = [
                (question, answer)
                for question, answer in zip(questions, answers, strict=True)
                if question.category == task
            ]
            if pairs:
                here = task_scores([q for q, _ in pairs], [a for _, a in pairs])
                found |= {f"{task}/{name}": value for name, value in here.items()}
                means.append(sum(here.values()) / len(here))
        return {**found, "score": sum(means) / len(means)} if means else {}

    return scores
