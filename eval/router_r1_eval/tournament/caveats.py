"""Caveats about a table that affect the figures of a tournament, a sentence each."""

from __future__ import annotations

from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tables.check import check

_FEW_SILENT = 0.05  # share of answers without output tokens that needs no mention


def caveats(splits: TableSplits) -> tuple[str, ...]:
    """What a reader must know about the table."""
    table, test = splits.table, splits.test
    cells = [(question.id, name) for question in test.questions for name in table.names]
    outcomes = [o for cell in cells if (o := table.outcome(*cell)) is not None]
    silent = sum(o.cost is None and not o.output_tokens for o in outcomes) / max(1, len(outcomes))
    found = []
    if splits.incomplete and splits.incomplete_left_out:
        found.append(
            f"{splits.incomplete} of {len(table.questions)} questions are left out, because not every model "
            f"was asked them"
        )
    elif len(outcomes) < len(cells):
        found.append(
            f"{len(cells) - len(outcomes)} of {len(cells)} answers are missing; they count as wrong and free"
        )
    if silent > _FEW_SILENT:
        found.append(
            f"{silent:.0%} of the answers have no recorded output tokens; their cost is that of the prompt alone, "
            f"so compare calls instead"
        )
    if any(table.outcome(*cell, sample=1) for cell in cells):
        found.append(
            "the first sample of a candidate is its answer; further samples count for self-consistency and for "
            "the luck of the oracle"
        )
    errors = [finding.message for finding in check(table) if finding.weight == "error"]
    if errors:
        found.append(
            f"table check finds {len(errors)} errors in this table, the first: {errors[0]}"
        )
    return tuple(found)
