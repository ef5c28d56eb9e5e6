"""GLUE as text to text: nine tasks of language understanding, on their validation sets. The category is the task.

Questions score by `choice`. In `stsb` the answer is a number from 0 to 5, right within half a point of the mean rating,
which is the width of one of the scale's six levels. `corpus` has the scores that GLUE reports: Matthews' correlation
(cola), accuracy and F1 (mrpc, qqp), Pearson's and Spearman's correlation (stsb), accuracy (all others).

Not covered: the diagnostic set, and the mismatched half of mnli.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks import corpus_scores
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.label_tasks import LabelTask, row_key, suite_scores
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import SourceRow, cell, part, text
from router_r1_reward.metrics.maths.final_number import final_number

_MIDDLE = 2.5  # of the scale from 0 to 5
_TOLERANCE = 0.5


def _cola(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    return {"matthews": corpus_scores.matthews(*corpus_scores.labels(questions, answers))}


def _paraphrase(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Accuracy, and F1 of the label `yes`."""
    gold, answered = corpus_scores.labels(questions, answers)
    return {
        "accuracy": corpus_scores.accuracy(gold, answered),
        "f1": corpus_scores.f1_of("B", gold, answered),
    }


def _stsb(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Both correlations. An answer without a number counts as the middle of the scale."""
    gold = [float(question.metadata["rating"]) for question in questions]
    answered = [float(final_number(answer or "") or _MIDDLE) for answer in answers]
    return {
        "pearson": corpus_scores.pearson(gold, answered),
        "spearman": corpus_scores.spearman(gold, answered),
    }


def _pair(asked: str, one: str, other: str) -> str:
    return f"{asked}\n\nFirst: {one}\nSecond: {other}"


TASKS = {
    "cola": LabelTask(
        lambda row: f"Is this sentence acceptable English?\n\n{text(row, 'sentence')}",
        ("unacceptable", "acceptable"),
        _cola,
    ),
    "sst2": LabelTask(
        lambda row: (
            f"Is the opinion in this piece of a film review negative or positive?\n\n{text(row, 'sentence')}"
        ),
        ("negative", "positive"),
    ),
    "mrpc": LabelTask(
        lambda row: _pair(
            "Do these sentences mean the same?", text(row, "sentence1"), text(row, "sentence2")
        ),
        ("no", "yes"),
        _paraphrase,
    ),
    "qqp": LabelTask(
        lambda row: _pair(
            "Do these questions ask the same?", text(row, "question1"), text(row, "question2")
        ),
        ("no", "yes"),
        _paraphrase,
    ),
    "mnli": LabelTask(
        lambda row: (
            "Does the hypothesis follow from the premise (entailment), is it ruled out by it (contradiction), or neither "
            f"(neutral)?\n\nPremise: {text(row, 'premise')}\nHypothesis: {text(row, 'hypothesis')}"
        ),
        ("entailment", "neutral", "contradiction"),
    ),
    "qnli": LabelTask(
        lambda row: (
            "Does the sentence hold the answer to the question?\n\n"
            f"Question: {text(row, 'question')}\nSentence: {text(row, 'sentence')}"
        ),
        ("yes", "no"),
    ),
    "rte": LabelTask(
        lambda row: _pair(
            "Does the second text follow from the first?",
            text(row, "sentence1"),
            text(row, "sentence2"),
        ),
        ("yes", "no"),
    ),
    "wnli": LabelTask(
        lambda row: _pair(
            "Does the second text follow from the first?",
            text(row, "sentence1"),
            text(row, "sentence2"),
        ),
        ("no", "yes"),
    ),
}


def convert(number: int, row: SourceRow) -> Question:
    """A question of one task."""
    task = part(row)
    if task == "stsb":
        return _similarity(row)
    if task not in TASKS:
        raise DataError(f"GLUE has no task {task!r}; it is one of stsb, {', '.join(TASKS)}")
    return TASKS[task].question("glue", task, row)


def _similarity(row: SourceRow) -> Question:
    found = cell(row, "label")
    try:
        rating = float(found)
    except (TypeError, ValueError):
        raise DataError(f"'label' is {found!r}; expected a number from 0 to 5") from None
    if not 0 <= rating <= 5:
        raise DataError(
            f"'label' is {rating:g}; expected a number from 0 to 5 (labels of the test set are not published)"
        )
    # The prompt asks for one decimal, so all accepted answers can be listed.
    accepted = [tenth / 10 for tenth in range(51) if abs(tenth / 10 - rating) <= _TOLERANCE + 1e-6]
    return question(
        "glue",
        row_key("stsb", row),
        question=_pair(
            "How similar in meaning are these sentences, from 0 (nothing in common) to 5 (the same)? Answer with a number "
            "with one decimal.",
            text(row, "sentence1"),
            text(row, "sentence2"),
        ),
        answer=tuple(dict.fromkeys(f"{value:g}" for value in (rating, *accepted))),
        metric="math",
        category="stsb",
        metadata={"rating": rating},
    )


_TASK_NAMES = ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli")

BENCHMARK = register(
    Benchmark(
        name="glue",
        title="GLUE",
        area="understanding",
        licence="one for each task; see the source",
        source="https://gluebenchmark.com/",
        hub=tuple(
            Hub(
                "nyu-mll/glue", task, "validation_matched" if task == "mnli" else "validation", task
            )
            for task in _TASK_NAMES
        ),
        files=(),
        size=59_879,
        convert=convert,
        instruction="Answer with the right option, or the number, and nothing else.",
        corpus=suite_scores(
            {task: _stsb if task == "stsb" else TASKS[task].scores for task in _TASK_NAMES}
        ),
    )
)
