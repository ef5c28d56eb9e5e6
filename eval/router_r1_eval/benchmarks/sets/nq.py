"""Natural Questions, open-domain: questions typed into a search engine, with short answers."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="nq",
        title="Natural Questions (open)",
        area="qa",
        licence="CC BY-SA 3.0",
        source="https://github.com/google-research-datasets/natural-questions",
        hub=(Hub("google-research-datasets/nq_open", None, "validation"),),
        files=(
            "nq_open_dev.jsonl",
            "NQ-open.dev.jsonl",
            "NQ-open.efficientqa.dev.1.1.jsonl",
            "nq/test.jsonl",
        ),
        size=3_610,
        convert=short_answers("nq"),
        instruction=SHORT,
    )
)
