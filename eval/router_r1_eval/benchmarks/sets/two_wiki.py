"""2WikiMultihopQA: questions over two to four Wikipedia pages, asked without them."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question with its accepted answers."""
    return short_answer("2wikimultihopqa", row)


BENCHMARK = register(
    Benchmark(
        name="2wikimultihopqa",
        title="2WikiMultihopQA",
        area="qa",
        licence="Apache-2.0",
        source="https://github.com/Alab-NII/2wikimultihop",
        hub=(Hub("RUC-NLPIR/FlashRAG_datasets", "2wikimultihopqa", "dev"),),
        files=("2wiki.json", "2wiki_dev.json"),
        size=12_576,
        convert=convert,
        instruction=SHORT,
    )
)
