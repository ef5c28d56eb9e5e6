"""AIME 2024 and 2025: two contests of 15 problems each year; answers are whole numbers from 0 to 999.

The category is the year. The Mathematical Association of America (MAA) owns the problems.
"""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, integer, part, text


def convert(number: int, row: SourceRow) -> Question:
    """A problem. `073` and `73` are the same answer."""
    asked, answer = text(row, "problem"), integer(row, "answer")
    if not 0 <= answer <= 999:
        raise DataError(f"'answer' is {answer}; expected a number from 0 to 999")
    year = f"20{part(row)[-2:]}"
    return question(
        "aime",
        f"{year}/{fingerprint(asked)}",
        question=asked,
        answer=str(answer),
        metric="math",
        category=year,
    )


BENCHMARK = register(
    Benchmark(
        name="aime",
        title="AIME 2024 and 2025",
        area="maths",
        licence="copyright of the MAA; no licence stated",
        source="https://artofproblemsolving.com/wiki/index.php/AIME_Problems_and_Solutions",
        hub=(
            Hub("HuggingFaceH4/aime_2024", None, "train", "24"),
            Hub("math-ai/aime25", None, "test", "25"),
        ),
        files=("aime{part}.jsonl", "aime_20{part}.jsonl"),
        size=60,
        convert=convert,
        instruction="The answer is a whole number from 0 to 999. Answer with that number.",
    )
)
