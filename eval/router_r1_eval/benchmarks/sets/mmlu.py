"""MMLU: four options in 57 subjects. The category is the subject."""

from __future__ import annotations

from collections.abc import Mapping

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import (
    LETTER,
    Benchmark,
    Hub,
    Row,
    cell,
    fingerprint,
    letter_place,
    multiple_choice,
    register,
    text,
)


def convert(number: int, row: Row) -> Question:
    """One question of MMLU."""
    return four_options("mmlu", row, row.get("subject"))


def four_options(name: str, row: Row, subject: object) -> Question:
    """A question with `choices` (a list, or letters with texts) and `answer` (a letter, or a place from 0)."""
    asked, options = text(row, "question"), cell(row, "choices")
    if isinstance(options, Mapping):
        options = list(options.values())
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise DataError(f"'choices' is {options!r}; expected a list of texts")
    return multiple_choice(
        name,
        str(row["id"]) if row.get("id") is not None else fingerprint(str(subject), asked, *options),
        asked,
        options,
        letter_place(cell(row, "answer"), len(options)),
        category=None if subject is None else str(subject),
    )


BENCHMARK = register(
    Benchmark(
        name="mmlu",
        title="MMLU",
        area="knowledge",
        licence="MIT",
        source="https://github.com/hendrycks/test",
        hub=(Hub("cais/mmlu", "all", "test"),),
        files=(),
        size=14_042,
        convert=convert,
        instruction=LETTER,
    )
)
