"""MATH: competition problems in seven subjects and five levels. The gold answer is the last box of the solution.

The category is the subject. `math500.py` is the subset of 500 that is usually quoted.
"""

from __future__ import annotations

from router_r1.answers import extract_answer
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import (
    PART,
    Benchmark,
    Hub,
    Row,
    fingerprint,
    question,
    register,
    text,
)

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
BOXED = "Put the final answer into \\boxed{}."


def convert(number: int, row: Row) -> Question:
    """One problem of MATH."""
    return problem("math", row)


def problem(name: str, row: Row) -> Question:
    """A problem; the gold answer is `answer`, or else the last box of `solution`."""
    asked, solution = text(row, "problem"), str(row.get("solution") or "")
    answer = str(row.get("answer") or "").strip() or _boxed(solution)
    subject = row.get("subject") or row.get("type") or row.get(PART)
    return question(
        name,
        str(row.get("unique_id") or fingerprint(asked)),
        question=asked,
        answer=answer,
        metric="math",
        category=None
        if subject is None
        else str(subject).lower().replace(" & ", " and ").replace(" ", "_"),
        metadata={"level": str(row["level"])} if row.get("level") is not None else {},
    )


def _boxed(solution: str) -> str:
    start = solution.rfind("\\boxed")
    if start < 0:
        raise DataError(f"'solution' has no \\boxed{{}}: {solution[-60:]!r}")
    # `\\boxed 7` is written now and then.
    loose = solution[start + len("\\boxed") :].lstrip()
    answer = extract_answer(solution[start:]) if loose.startswith("{") else loose[:1]
    if not answer:
        raise DataError(f"the last box of 'solution' can not be read: {solution[start:][:60]!r}")
    return answer


BENCHMARK = register(
    Benchmark(
        name="math",
        title="MATH",
        area="maths",
        licence="MIT",
        source="https://github.com/hendrycks/math",
        hub=tuple(Hub("EleutherAI/hendrycks_math", name, "test", name) for name in SUBJECTS),
        files=(),
        size=5_000,
        convert=convert,
        instruction=BOXED,
    )
)
