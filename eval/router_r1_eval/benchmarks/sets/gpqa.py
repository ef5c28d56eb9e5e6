"""GPQA Diamond: questions that experts of another field can not look up. Its authors ask that nobody shows them online.

Access has to be asked for on the hub. The category is the field; the order of options is drawn by a hash of the id.
"""

from __future__ import annotations

from router_r1.data.questions import Question
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

_WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def convert(number: int, row: Row) -> Question:
    """One question."""
    asked = text(row, "Question")
    key = str(row.get("Record ID") or fingerprint(asked))
    options, right = drawn(key, text(row, "Correct Answer"), [text(row, name) for name in _WRONG])
    field = row.get("High-level domain")
    return multiple_choice(
        "gpqa", key, asked, options, right, category=str(field) if field else None
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
