"""What GLUE and SuperGLUE share: tasks with labels as questions with options, and numbers for each task.

A task of a suite is a text that is made of a row, and the options of which its label chooses one. Its numbers are called
`TASK/NUMBER`; `score` is the mean over the tasks of the mean of each task's numbers, as both suites have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks import corpus_scores
from router_r1_eval.benchmarks.base import Corpus, Row, cell, multiple_choice, whole

Numbers = Callable[[Sequence[Question], Sequence[str | None]], dict[str, float]]
"""(questions of one task, their answers) -> numbers by name."""


def accuracy(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Accuracy alone."""
    return {"accuracy": corpus_scores.accuracy(*corpus_scores.labels(questions, answers))}


@dataclass(frozen=True)
class Task:
    """A task with labels."""

    asked: Callable[[Row], str]
    """The question of a row, without options."""
    options: tuple[str, ...]
    """What each label means, in the order of their numbers."""
    numbers: Numbers = accuracy
    """What is quoted."""

    def question(self, suite: str, task: str, row: Row) -> Question:
        """The question of a row."""
        return multiple_choice(
            suite, key(task, row), self.asked(row), self.options, label(row), category=task
        )


def key(task: str, row: Row) -> str:
    """`TASK/NUMBER`; a row of which several make one question has several numbers."""
    index = cell(row, "idx")
    numbers = index.values() if isinstance(index, Mapping) else [index]
    return f"{task}/{'-'.join(map(str, numbers))}"


def label(row: Row) -> int:
    """The number of a row's label. Raises `DataError` where it is not published."""
    number = whole(
        {**row, "label": int(row["label"])} if isinstance(row.get("label"), bool) else row, "label"
    )
    if number < 0:
        raise DataError(
            "the label is -1: those of the test sets are not published; leave `split` out for the validation set"
        )
    return number


def corpus(tasks: Mapping[str, Numbers]) -> Corpus:
    """The numbers of a suite, from those of its tasks. Tasks without a question are left out."""

    def numbers(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
        found: dict[str, float] = {}
        scores: list[float] = []
        for task, of_task in tasks.items():
            pairs = [
                (question, answer)
                for question, answer in zip(questions, answers, strict=True)
                if question.category == task
            ]
            if pairs:
                here = of_task([q for q, _ in pairs], [a for _, a in pairs])
                found |= {f"{task}/{name}": value for name, value in here.items()}
                scores.append(sum(here.values()) / len(here))
        return {**found, "score": sum(scores) / len(scores)} if scores else {}

    return numbers
