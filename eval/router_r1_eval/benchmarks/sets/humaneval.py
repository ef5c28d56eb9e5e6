"""HumanEval: complete a Python function from its head and description; right if it passes the tests (pass@1).

Programs run only with permission; see `router_r1_reward.metrics.code.grader`.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, Row, question, register, text

CODE = "Answer with the whole program in one block of Python code."


def convert(number: int, row: Row) -> Question:
    """One function."""
    head = text(row, "prompt")
    return question(
        "humaneval",
        text(row, "task_id"),
        question=head,
        answer=_as_written(row, "canonical_solution"),
        metric="code",
        metadata={
            "tests": _as_written(row, "test"),
            "entry_point": text(row, "entry_point"),
            "prompt": _as_written(row, "prompt"),
        },
    )


def _as_written(row: Row, key: str) -> str:
    """A text with its indentation."""
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
