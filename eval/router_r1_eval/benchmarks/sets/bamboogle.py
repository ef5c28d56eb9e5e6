"""Bamboogle: two-hop questions that a search engine answered wrongly."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="bamboogle",
        title="Bamboogle",
        area="qa",
        licence="MIT",
        source="https://github.com/ofirpress/self-ask",
        hub=(Hub("chiayewken/bamboogle", None, "test"),),
        files=("Bamboogle Prerelease - Sheet1.csv", "bamboogle/test.jsonl"),
        size=125,
        convert=short_answers("bamboogle"),
        instruction=SHORT,
    )
)
