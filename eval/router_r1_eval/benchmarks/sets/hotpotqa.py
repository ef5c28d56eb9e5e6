"""HotpotQA: questions over two Wikipedia pages, asked without the pages. The category is `bridge` or `comparison`."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="hotpotqa",
        title="HotpotQA",
        area="qa",
        licence="CC BY-SA 4.0",
        source="https://hotpotqa.github.io/",
        hub=(Hub("hotpotqa/hotpot_qa", "distractor", "validation"),),
        files=(
            "hotpot_dev_distractor_v1.json",
            "hotpot_dev_fullwiki_v1.json",
            "hotpotqa/dev.jsonl",
        ),
        size=7_405,
        convert=short_answers("hotpotqa", category_column="type"),
        instruction=SHORT,
    )
)
