"""GPQA Diamond: questions that experts of another field cannot look up. The category is the field.

Its authors ask everyone not to publish the questions online; the hub grants access on request. A hash of the id decides
the order of the options.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, multiple_choice, shuffled_options
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, optional_text, text

_WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def convert(number: int, row: SourceRow) -> Question:
    """A question with its options in a fixed random order."""
    asked = text(row, "Question")
    key = optional_text(row, "Record ID") or fingerprint(asked)
    options, right = shuffled_options(
        key, text(row, "Correct Answer"), [text(row, name) for name in _WRONG]
    )
    return multiple_choice(
        "gpqa", key, asked, options, right, category=optional_text(row, "High-level domain")
    )


BENCHMARK = register(
    Benchmark(
        name="gpqa",
        title="GPQA Diamond",
        area="knowledge",
        licence="CC BY 4.0, access on request",
        source="https://github.com/idavidrein/gpqa",
        hub=(Hub("Idavidrein/gpqa", "gpqa_diamond", "train"),),
        files=("gpqa_diamond.csv",),
        size=198,
        convert=convert,
        instruction=LETTER,
    )
)
