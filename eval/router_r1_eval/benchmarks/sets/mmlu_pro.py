"""MMLU-Pro: multiple choice with up to ten options, in 14 subjects. The category is the subject."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, multiple_choice, option_index
from router_r1_eval.benchmarks.rows import SourceRow, cell, text, texts


def convert(number: int, row: SourceRow) -> Question:
    """A question; `N/A` stands for an option that does not exist."""
    options = [option for option in texts(row, "options") if option != "N/A"]
    return multiple_choice(
        "mmlu_pro",
        str(cell(row, "question_id")),
        text(row, "question"),
        options,
        option_index(cell(row, "answer"), len(options)),
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
