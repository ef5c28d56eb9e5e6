"""MuSR: a long story, a question and options. Three tasks: murder mysteries, where things are, who does what.

The category is the task.
"""

from __future__ import annotations

import ast

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import (
    LETTER,
    Benchmark,
    Hub,
    Row,
    cell,
    fingerprint,
    multiple_choice,
    part,
    register,
    text,
    whole,
)

TASKS = {
    "murder_mysteries": "murder_mystery",
    "object_placements": "object_placements",
    "team_allocation": "team_allocation",
}
"""Tasks, and what their files are called."""


def convert(number: int, row: Row) -> Question:
    """One story with its question; `choices` is a list, or one as Python writes it."""
    story, asked, options = text(row, "narrative"), text(row, "question"), cell(row, "choices")
    if isinstance(options, str):
        try:
            options = ast.literal_eval(options)
        except (ValueError, SyntaxError) as error:
            raise DataError(f"'choices' is no list: {row['choices']!r}") from error
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise DataError(f"'choices' is {options!r}; expected a list of texts")
    task = part(row)
    return multiple_choice(
        "musr",
        f"{task}/{fingerprint(story, asked)}",
        f"{story}\n\n{asked}",
        options,
        whole(row, "answer_index"),
        category=task,
    )


BENCHMARK = register(
    Benchmark(
        name="musr",
        title="MuSR",
        area="knowledge",
        licence="CC BY 4.0",
        source="https://github.com/Zayne-sprague/MuSR",
        hub=tuple(Hub("TAUR-Lab/MuSR", None, task, task, file) for task, file in TASKS.items()),
        files=("{part}.csv",),
        size=756,
        convert=convert,
        instruction=LETTER,
    )
)
