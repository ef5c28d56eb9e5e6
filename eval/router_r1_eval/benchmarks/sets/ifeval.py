"""IFEval: prompts with instructions that a program can check (Zhou et al., arXiv:2311.07911).

A question scores 1 if the answer follows all its instructions strictly, so the mean score is the strict prompt-level
accuracy. `corpus` has all four published accuracies: prompt-level and instruction-level, strict and loose. Loose
checking may drop the first or last line and Markdown's asterisks.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import SourceRow, cell, text, texts
from router_r1_reward.metrics.ifeval.grader import followed


def convert(number: int, row: SourceRow) -> Question:
    """A prompt. The hub sets unused arguments of instructions to null; they are dropped."""
    asked, names, arguments = (
        text(row, "prompt"),
        texts(row, "instruction_id_list"),
        cell(row, "kwargs"),
    )
    if not isinstance(arguments, list) or len(arguments) != len(names):
        raise DataError(f"'kwargs' is {arguments!r}; expected a list with {len(names)} objects")
    used = [
        {key: value for key, value in (a or {}).items() if value is not None} for a in arguments
    ]
    return question(
        "ifeval",
        str(cell(row, "key")),
        question=asked,
        answer="-",
        metric="ifeval",
        category=names[0].partition(":")[0] if len(names) == 1 else "several",
        metadata={"instruction_id_list": names, "kwargs": used, "prompt": row["prompt"]},
    )


def corpus(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """Prompt-level and instruction-level accuracy, strict and loose. A missing answer follows no instruction."""
    scores: dict[str, float] = {}
    for how, loose in (("strict", False), ("loose", True)):
        prompts = [
            [False] * len(asked.metadata["instruction_id_list"])
            if answer is None
            else followed(answer, asked.metadata, loose=loose)
            for asked, answer in zip(questions, answers, strict=True)
        ]
        instructions = [one for prompt in prompts for one in prompt]
        scores[f"prompt_{how}"] = sum(map(all, prompts)) / len(prompts)
        scores[f"instruction_{how}"] = sum(instructions) / len(instructions)
    return scores


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
