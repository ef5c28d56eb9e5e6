"""MATH: competition problems in seven subjects and five levels. The category is the subject.

The gold answer is the last box of the solution.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.math_problems import BOXED, boxed_problem
from router_r1_eval.benchmarks.rows import SourceRow

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)


def convert(number: int, row: SourceRow) -> Question:
    """A problem."""
    return boxed_problem("math", row)


BENCHMARK = register(
    Benchmark(
        name="math",
        title="MATH",
        area="maths",
        licence="MIT",
        source="https://github.com/hendrycks/math",
        hub=tuple(Hub("EleutherAI/hendrycks_math", name, "test", name) for name in SUBJECTS),
        files=(),
        size=5_000,
        convert=convert,
        instruction=BOXED,
    )
)
