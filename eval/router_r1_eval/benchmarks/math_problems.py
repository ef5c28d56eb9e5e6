"""Competition problems with a boxed answer, as in MATH and its subsets."""

from __future__ import annotations

from router_r1.answers import extract_answer
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.questions import question
from router_r1_eval.benchmarks.rows import PART, SourceRow, fingerprint, text

BOXED = "Put the final answer into \\boxed{}."
"""The instruction for boxed answers."""


def boxed_problem(name: str, row: SourceRow) -> Question:
    """A problem of the benchmark `name`; the gold answer is the column `answer`, or else the last box of `solution`."""
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
    # Some solutions have `\\boxed 7`, without braces.
    loose = solution[start + len("\\boxed") :].lstrip()
    answer = extract_answer(solution[start:]) if loose.startswith("{") else loose[:1]
    if not answer:
        raise DataError(f"the last box of 'solution' cannot be read: {solution[start:][:60]!r}")
    return answer
