"""IFEval: prompts with instructions that a program can check.

A question scores 1 if all its instructions are followed strictly, so the mean is the strict accuracy of prompts; `corpus` has it
beside the other three: of instructions, and both loosely, where a first or last line and Markdown's asterisks may be dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import (
    Benchmark,
    Hub,
    Row,
    cell,
    question,
    register,
    text,
    texts,
)
from router_r1_reward.metrics.ifeval.grader import followed


def convert(number: int, row: Row) -> Question:
    """One prompt. The hub fills unused arguments of instructions with nulls; they are dropped."""
    asked, names, arguments = (
        text(row, "prompt"),
        texts(row, "instruction_id_list"),
        cell(row, "kwargs"),
    )
    if not isinstance(arguments, list) or len(arguments) != len(names):
        raise DataError(f"'kwargs' is {arguments!r}; expected a list with {len(names)} objects")
    given = [
        {key: value for key, value in (a or {}).items() if value is not None} for a in arguments
    ]
    return question(
        "ifeval",
        str(cell(row, "key")),
        question=asked,
        answer="-",
        metric="ifeval",
        category=names[0].partition(":")[0] if len(names) == 1 else "several",
        metadata={"instruction_id_list": names, "kwargs": given, "prompt": row["prompt"]},
    )


def corpus(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Accuracy of prompts and of instructions, strict and loose. No answer follows nothing."""
    numbers: dict[str, float] = {}
    for how, loose in (("strict", False), ("loose", True)):
        prompts = [
            [False] * len(asked.metadata["instruction_id_list"])
            if answer is None
            else followed(answer, asked.metadata, loose=loose)
            for asked, answer in zip(questions, answers, strict=True)
        ]
        single = [one for prompt in prompts for one in prompt]
        numbers[f"prompt_{how}"] = sum(map(all, prompts)) / len(prompts)
        numbers[f"instruction_{how}"] = sum(single) / len(single)
    return numbers


BENCHMARK = register(
    Benchmark(
        name="ifeval",
        title="IFEval",
        area="instruction",
        licence="Apache-2.0",
        source="https://github.com/google-research/google-research/tree/master/instruction_following_eval",
        hub=(Hub("google/IFEval", None, "train"),),
        files=("input_data.jsonl",),
        size=541,
        convert=convert,
        corpus=corpus,
    )
)
