"""TriviaQA, unfiltered and without documents: trivia questions whose answers have many spellings."""

from __future__ import annotations

from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answers

BENCHMARK = register(
    Benchmark(
        name="triviaqa",
        title="TriviaQA (unfiltered)",
        area="qa",
        licence="not stated by the authors; their code is Apache-2.0",
        source="https://nlp.cs.washington.edu/triviaqa/",
        hub=(Hub("mandarjoshi/trivia_qa", "unfiltered.nocontext", "validation"),),
        files=("unfiltered-web-dev.json", "triviaqa/test.jsonl"),
        size=11_313,
        convert=short_answers("triviaqa"),
        instruction=SHORT,
    )
)
