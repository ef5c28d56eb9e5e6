"""GSM8K: grade-school word problems. The gold answer follows `####`; `metadata` has the whole solution."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, text


def convert(number: int, row: SourceRow) -> Question:
    """A problem."""
    asked, solution = text(row, "question"), text(row, "answer")
    answer = solution.rpartition("####")[2].strip()
    if "####" not in solution or not answer:
        raise DataError(f"'answer' does not end in '#### NUMBER': {solution[-60:]!r}")
    return question(
        "gsm8k",
        fingerprint(asked),
        question=asked,
        answer=answer,
        metric="math",
        metadata={"solution": solution},
    )


BENCHMARK = register(
    Benchmark(
        name="gsm8k",
        title="GSM8K",
        area="maths",
        licence="MIT",
        source="https://github.com/openai/grade-school-math",
        hub=(Hub("openai/gsm8k", "main", "test"),),
        files=("gsm8k_test.jsonl",),
        size=1_319,
        convert=convert,
        instruction="Answer with a number.",
    )
)
