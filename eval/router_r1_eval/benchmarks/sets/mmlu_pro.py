"""MMLU-Pro: up to ten options, in 14 subjects. The category is the subject."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import (
    LETTER,
    Benchmark,
    Hub,
    Row,
    cell,
    letter_place,
    multiple_choice,
    register,
    text,
    texts,
)


def convert(number: int, row: Row) -> Question:
    """One question; `N/A` fills up options that there are not."""
    options = [option for option in texts(row, "options") if option != "N/A"]
    return multiple_choice(
        "mmlu_pro",
        str(cell(row, "question_id")),
        text(row, "question"),
        options,
        letter_place(cell(row, "answer"), len(options)),
        category=text(row, "category"),
    )


BENCHMARK = register(
    Benchmark(
        name="mmlu_pro",
        title="MMLU-Pro",
        area="knowledge",
        licence="MIT",
        source="https://github.com/TIGER-AI-Lab/MMLU-Pro",
        hub=(Hub("TIGER-Lab/MMLU-Pro", None, "test"),),
        files=(),
        size=12_032,
        convert=convert,
        instruction=LETTER,
    )
)
