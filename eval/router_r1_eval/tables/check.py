"""Checks of an outcome table: defects that make a router look better or worse than it is.

`check` looks at a table that loads; `broken_rows` lists every row that keeps a table from loading, not only the first.
The checks are in `question_checks.py`, `score_checks.py`, `record_checks.py` and `count_checks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.data.outcome_table import FORMATS, Outcome, OutcomeTable, outcome_rows
from router_r1.data.questions import Question, question_rows
from router_r1.errors import RouterR1Error
from router_r1_eval.tables import count_checks, question_checks, record_checks, score_checks
from router_r1_eval.tables.finding import WEIGHTS, Finding

Rows = Callable[[Path], Iterator[tuple[str, Any]]]


def check(table: OutcomeTable, fit: OutcomeTable | None = None) -> list[Finding]:
    """All findings, the worst first.

    Args:
        table: the table to check.
        fit: the table that routers are fitted on, which should have the same models and no question in common.
    """
    found = [
        *question_checks.findings(table, fit),
        *score_checks.findings(table),
        *record_checks.findings(table),
        *count_checks.findings(table),
    ]
    return sorted(found, key=lambda finding: WEIGHTS.index(finding.weight))


def broken_rows(folder: str | Path, most: int = 20) -> list[str]:
    """One message for each broken row of a table's files. A file is read up to a line that is not JSON.

    Args:
        folder: folder of the table.
        most: stop after this many messages.
    """
    folder, found = Path(folder), []
    kinds: tuple[tuple[str, type[Question] | type[Outcome], Rows], ...] = (
        ("questions", Question, question_rows),
        ("responses", Outcome, outcome_rows),
    )
    for name, kind, rows in kinds:
        for path in (path for form in FORMATS if (path := folder / f"{name}.{form}").exists()):
            try:
                for where, data in rows(path):
                    try:
                        config.validate(kind, data, where)
                    except RouterR1Error as error:
                        found.append(str(error))
                        if len(found) == most:
                            return found
            except RouterR1Error as error:
                found.append(str(error))
    return found
