"""PopQA: one relation of one entity, many of them little known. The category is the relation."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question; its accepted answers are a list that is written as JSON."""
    return short_answer("popqa", row, category=str(row["prop"]) if row.get("prop") else None)


BENCHMARK = register(
    Benchmark(
        name="popqa",
        title="PopQA",
        area="qa",
        licence="MIT (the authors' repository)",
        source="https://github.com/AlexTMallen/adaptive-retrieval",
        hub=(Hub("akariasai/PopQA", None, "test"),),
        files=("popQA.tsv",),
        size=14_267,
        convert=convert,
        instruction=SHORT,
    )
)
