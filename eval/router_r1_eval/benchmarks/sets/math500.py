"""MATH-500: 500 problems of MATH's test set. The category is the subject."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, Row, register
from router_r1_eval.benchmarks.sets.competition_math import BOXED, problem


def convert(number: int, row: Row) -> Question:
    """One problem."""
    return problem("math500", row)


BENCHMARK = register(
    Benchmark(
        name="math500",
        title="MATH-500",
        area="maths",
        licence="MIT",
        source="https://github.com/openai/prm800k",
        hub=(Hub("HuggingFaceH4/MATH-500", None, "test"),),
        files=("math_500.jsonl", "MATH-500.jsonl"),
        size=500,
        convert=convert,
        instruction=BOXED,
    )
)
