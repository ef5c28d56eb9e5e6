"""BIG-Bench Hard: 27 reasoning tasks. The category is the task.

The gold answer decides the metric: `(C)` names an option of the question (`choice`), a number is compared as a number
(`math`), and everything else as words (`em`). Some published rows have options and a gold answer that is not a letter.
"""

from __future__ import annotations

import re

from router_r1.data.options import LETTERS
from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, part, text

TASKS = [
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
]

_OPTION = re.compile(r"^\(([A-Z])\) (.*)$", re.MULTILINE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BRACKETS = re.compile(r"[\[\](){}<>\s]+")


def convert(number: int, row: SourceRow) -> Question:
    """A question of one task."""
    asked, target, task = text(row, "input"), text(row, "target"), part(row)
    options = _OPTION.findall(asked)
    choices = tuple(option.strip() for _, option in options)
    lettered = "".join(letter for letter, _ in options) == LETTERS[: len(options)]
    named = re.fullmatch(r"\(?([A-Z])\)", target)
    metric = "em"
    answer: tuple[str, ...] = (target,)
    if named and lettered and named[1] in LETTERS[: len(options)]:
        metric, answer = "choice", (named[1],)
    elif _NUMBER.fullmatch(target):
        metric = "math"
    elif _BRACKETS.fullmatch(target):  # dyck_languages: accepted with and without spaces
        answer = tuple(dict.fromkeys((target, "".join(target.split()))))
    return question(
        "bbh",
        f"{task}/{fingerprint(asked)}",
        question=asked,
        answer=answer[0] if len(answer) == 1 else answer,
        metric=metric,
        category=task,
        choices=choices if metric == "choice" else None,
    )


BENCHMARK = register(
    Benchmark(
        name="bbh",
        title="BIG-Bench Hard",
        area="knowledge",
        licence="MIT",
        source="https://github.com/suzgunmirac/BIG-Bench-Hard",
        hub=tuple(Hub("SaylorTwift/bbh", task, "test", task) for task in TASKS),
        files=("bbh_{part}.json", "bbh/{part}.json"),
        size=6_511,
        convert=convert,
        instruction="Answer with what is asked for alone: the letter of an option, a number, a word, or the list.",
    )
)
