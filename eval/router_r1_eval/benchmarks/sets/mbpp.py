"""MBPP: write a Python function that passes three tests, which are part of the question (pass@1).

One file holds all splits; the number of a task decides its split. Programs run only with `--allow-code`; see
`router_r1_reward.metrics.code.grader`.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import CODE, question
from router_r1_eval.benchmarks.rows import SPLIT, SourceRow, integer, text, texts

_SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}


def convert(number: int, row: SourceRow) -> Question | None:
    """A task; None if it is of another split."""
    task = integer(row, "task_id")
    if task not in _SPLITS.get(row[SPLIT], ()):
        return None
    asked, tests = text(row, "text", "prompt"), texts(row, "test_list")
    setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or ())
    return question(
        "mbpp",
        str(task),
        question="\n".join([asked, "It must pass these tests:", *tests]),
        answer=text(row, "code"),
        metric="code",
        metadata={"tests": tests, "setup": setup},
    )


BENCHMARK = register(
    Benchmark(
        name="mbpp",
        title="MBPP",
        area="code",
        licence="CC BY 4.0",
        source="https://github.com/google-research/google-research/tree/master/mbpp",
        hub=(Hub("google-research-datasets/mbpp", "full", "test"),),
        files=("mbpp.jsonl",),
        size=500,
        convert=convert,
        instruction=CODE,
        one_file=True,
    )
)
