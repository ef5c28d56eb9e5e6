"""MuSiQue: questions of two to four hops without shortcuts, asked without their paragraphs."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answer
from router_r1_eval.benchmarks.rows import SourceRow


def convert(number: int, row: SourceRow) -> Question | None:
    """A question; None if its paragraphs do not answer it, as happens in the full set."""
    return None if row.get("answerable") is False else short_answer("musique", row)


BENCHMARK = register(
    Benchmark(
        name="musique",
        title="MuSiQue (answerable)",
        area="qa",
        licence="CC BY 4.0",
        source="https://github.com/StonyBrookNLP/musique",
        hub=(Hub("dgslibisey/MuSiQue", None, "validation"),),
        files=("musique_ans_v1.0_dev.jsonl", "musique/dev.jsonl"),
        size=2_417,
        convert=convert,
        instruction=SHORT,
    )
)
