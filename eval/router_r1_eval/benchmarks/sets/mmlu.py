"""MMLU: multiple choice with four options, in 57 subjects. The category is the subject."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, lettered_choices
from router_r1_eval.benchmarks.rows import SourceRow


def convert(number: int, row: SourceRow) -> Question:
    """A question."""
    return lettered_choices("mmlu", row, row.get("subject"))


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
