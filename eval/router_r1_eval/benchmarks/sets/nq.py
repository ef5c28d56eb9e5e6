"""Natural Questions, open-domain: questions typed into a search engine, with short answers."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question with its accepted answers."""
    return short_answer("nq", row)


BENCHMARK = register(
    Benchmark(
        name="nq",
        title="Natural Questions (open)",
        area="qa",
        licence="CC BY-SA 3.0",
        source="https://github.com/google-research-datasets/natural-questions",
        hub=(Hub("google-research-datasets/nq_open", None, "validation"),),
        files=("nq_open_dev.jsonl", "NQ-open.dev.jsonl", "NQ-open.efficientqa.dev.1.1.jsonl"),
        size=3_610,
        convert=convert,
        instruction=SHORT,
    )
)
