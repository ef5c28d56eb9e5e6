"""MATH-500: the usual subset of 500 problems of MATH's test set. The category is the subject."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.math_problems import BOXED, boxed_problem
from router_r1_eval.benchmarks.rows import SourceRow


def convert(number: int, row: SourceRow) -> Question:
    """A problem."""
    return boxed_problem("math500", row)


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
