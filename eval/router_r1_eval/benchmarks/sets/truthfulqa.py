"""TruthfulQA as multiple choice with one true option (MC1): what many people get wrong.

From the hub's `mc1_targets`, or from the authors' CSV file: the best answer against all incorrect ones. The order of options is
drawn by a hash of the question.
"""

from __future__ import annotations

from collections.abc import Mapping

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import (
    LETTER,
    Benchmark,
    Hub,
    Row,
    drawn,
    fingerprint,
    multiple_choice,
    register,
    text,
)


def convert(number: int, row: Row) -> Question:
    """One question."""
    asked = text(row, "question", "Question")
    right, wrong = _options(row)
    key = fingerprint(asked)
    options, place = drawn(key, right, wrong)
    category = row.get("Category") or row.get("category")
    return multiple_choice(
        "truthfulqa", key, asked, options, place, category=str(category) if category else None
    )


def _options(row: Row) -> tuple[str, list[str]]:
    targets = row.get("mc1_targets")
    if targets is None:
        wrong = [part.strip() for part in text(row, "Incorrect Answers").split(";")]
        return text(row, "Best Answer"), [answer for answer in wrong if answer]
    if not isinstance(targets, Mapping) or "choices" not in targets or "labels" not in targets:
        raise DataError(f"'mc1_targets' is {targets!r}; expected 'choices' and 'labels'")
    labelled = list(zip(targets["choices"], targets["labels"], strict=True))
    right = [choice for choice, label in labelled if label == 1]
    if len(right) != 1:
        raise DataError(f"'mc1_targets' has {len(right)} true options; expected one")
    return right[0], [choice for choice, label in labelled if label != 1]


BENCHMARK = register(
    Benchmark(
        name="truthfulqa",
        title="TruthfulQA (MC1)",
        area="knowledge",
        licence="Apache-2.0",
        source="https://github.com/sylinrl/TruthfulQA",
        hub=(Hub("truthfulqa/truthful_qa", "multiple_choice", "validation"),),
        files=("TruthfulQA.csv", "truthfulqa.csv"),
        size=817,
        convert=convert,
        instruction=LETTER,
    )
)
