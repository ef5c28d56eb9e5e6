"""TriviaQA, unfiltered and without documents: trivia questions, whose answers have many spellings."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import SHORT, Benchmark, Hub, Row, register, short_answer


def convert(number: int, row: Row) -> Question:
    """One question with its accepted answers."""
    return short_answer("triviaqa", row)


BENCHMARK = register(
    Benchmark(
        name="triviaqa",
        title="TriviaQA (unfiltered)",
        area="qa",
        licence="not stated by the authors; their code is Apache-2.0",
        source="https://nlp.cs.washington.edu/triviaqa/",
        hub=(Hub("mandarjoshi/trivia_qa", "unfiltered.nocontext", "validation"),),
        files=("unfiltered-web-dev.json",),
        size=11_313,
        convert=convert,
        instruction=SHORT,
    )
)
