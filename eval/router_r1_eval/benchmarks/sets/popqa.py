"""PopQA: questions about one relation of one entity, many of them little known. The category is the relation."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="popqa",
        title="PopQA",
        area="qa",
        licence="MIT (the authors' repository)",
        source="https://github.com/AlexTMallen/adaptive-retrieval",
        hub=(Hub("akariasai/PopQA", None, "test"),),
        files=("popQA.tsv", "popqa/test.jsonl"),
        size=14_267,
        convert=short_answers("popqa", category_column="prop"),
        instruction=SHORT,
    )
)
