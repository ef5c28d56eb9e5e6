"""HumanEval: complete a Python function from its signature and docstring; right if it passes the tests (pass@1).

Programs run only with `--allow-code`; see `router_r1_reward.metrics.code.grader`.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import CODE, question
from router_r1_eval.benchmarks.rows import SourceRow, text


def convert(number: int, row: SourceRow) -> Question:
    """A function to complete."""
    return question(
        "humaneval",
        text(row, "task_id"),
        question=text(row, "prompt"),
        answer=_as_written(row, "canonical_solution"),
        metric="code",
        metadata={
            "tests": _as_written(row, "test"),
            "entry_point": text(row, "entry_point"),
            "prompt": _as_written(row, "prompt"),
        },
    )


def _as_written(row: SourceRow, key: str) -> str:
    """A non-empty text, white space included."""
    text(row, key)
    return str(row[key])


BENCHMARK = register(
    Benchmark(
        name="humaneval",
        title="HumanEval",
        area="code",
        licence="MIT",
        source="https://github.com/openai/human-eval",
        hub=(Hub("openai/openai_humaneval", None, "test"),),
        files=("HumanEval.jsonl", "humaneval.jsonl"),
        size=164,
        convert=convert,
        instruction=f"Complete the function. {CODE}",
    )
)
