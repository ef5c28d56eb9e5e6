"""TruthfulQA as multiple choice with one true option (MC1): questions that many people answer wrongly.

The options are the hub's `mc1_targets`, or the best and all incorrect answers of the authors' CSV file. A hash of the
question decides their order.
"""

from __future__ import annotations

from collections.abc import Mapping

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, multiple_choice, shuffled_options
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, optional_text, text


def convert(number: int, row: SourceRow) -> Question:
    """A question with its options in a fixed random order."""
    asked = text(row, "question", "Question")
    key = fingerprint(asked)
    options, right_index = shuffled_options(key, *_right_and_wrong(row))
    category = optional_text(row, "Category", "category")
    return multiple_choice("truthfulqa", key, asked, options, right_index, category=category)


def _right_and_wrong(row: SourceRow) -> tuple[str, list[str]]:
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
