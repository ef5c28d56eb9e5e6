"""Bamboogle: two-hop questions that a search engine got wrong."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question with its accepted answers."""
    return short_answer("bamboogle", row)


BENCHMARK = register(
    Benchmark(
        name="bamboogle",
        title="Bamboogle",
        area="qa",
        licence="MIT",
        source="https://github.com/ofirpress/self-ask",
        hub=(Hub("chiayewken/bamboogle", None, "test"),),
        files=("Bamboogle Prerelease - Sheet1.csv",),
        size=125,
        convert=convert,
        instruction=SHORT,
    )
)
