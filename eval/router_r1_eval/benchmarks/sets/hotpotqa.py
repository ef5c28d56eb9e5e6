"""HotpotQA: questions over two Wikipedia pages, asked without them. The category is `bridge` or `comparison`."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question, without its paragraphs."""
    return short_answer("hotpotqa", row, category=str(row["type"]) if row.get("type") else None)


BENCHMARK = register(
    Benchmark(
        name="hotpotqa",
        title="HotpotQA",
        area="qa",
        licence="CC BY-SA 4.0",
        source="https://hotpotqa.github.io/",
        hub=(Hub("hotpotqa/hotpot_qa", "distractor", "validation"),),
        files=("hotpot_dev_distractor_v1.json", "hotpot_dev_fullwiki_v1.json"),
        size=7_405,
        convert=convert,
        instruction=SHORT,
    )
)
