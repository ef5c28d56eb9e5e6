"""MuSR: multiple choice about a long story. The category is the task.

The tasks are murder mysteries, object placements and team allocation.
"""

from __future__ import annotations

import ast

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, multiple_choice
from router_r1_eval.benchmarks.rows import SourceRow, cell, fingerprint, integer, part, text, texts

TASKS = {
    "murder_mysteries": "murder_mystery",
    "object_placements": "object_placements",
    "team_allocation": "team_allocation",
}
"""Task -> name of its file."""


def convert(number: int, row: SourceRow) -> Question:
    """A story with its question; `choices` is a list, or a text with a Python list."""
    story, asked, options = text(row, "narrative"), text(row, "question"), cell(row, "choices")
    if isinstance(options, str):
        try:
            options = ast.literal_eval(options)
        except (ValueError, SyntaxError) as error:
            raise DataError(f"'choices' is {row['choices']!r}; expected a list of texts") from error
    options = texts({"choices": options}, "choices")
    task = part(row)
    return multiple_choice(
        "musr",
        f"{task}/{fingerprint(story, asked)}",
        f"{story}\n\n{asked}",
        options,
        integer(row, "answer_index"),
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
