"""2WikiMultihopQA: questions over two to four Wikipedia pages, asked without the pages."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="2wikimultihopqa",
        title="2WikiMultihopQA",
        area="qa",
        licence="Apache-2.0",
        source="https://github.com/Alab-NII/2wikimultihop",
        hub=(Hub("RUC-NLPIR/FlashRAG_datasets", "2wikimultihopqa", "dev"),),
        files=("2wiki.json", "2wiki_dev.json", "2wikimultihopqa/dev.jsonl"),
        size=12_576,
        convert=short_answers("2wikimultihopqa"),
        instruction=SHORT,
    )
)
