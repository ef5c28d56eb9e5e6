"""The results table: every row at its main level."""

from __future__ import annotations

from collections.abc import Callable

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import fixed
from router_r1_eval.report.point_columns import explained_columns, is_best_single
from router_r1_eval.report.row_style import is_routing
from router_r1_eval.report.table import Column, table
from router_r1_eval.results import Results, Row


def row_order(results: Results) -> Callable[[Row], tuple[float, float]]:
    """The key by which rows are sorted: the highest reward first, or the highest accuracy if some have no reward."""
    rewarded = all(row.reward is not None for row in results.rows)
    return lambda row: (-(row.reward or 0) if rewarded else -row.accuracy, row.cost_usd)


def results_table(results: Results, caption: str) -> str:
    """Every row at its main level."""
    rows = sorted(results.distinct, key=row_order(results))
    if any(map(is_routing, rows)):
        caption += " Policies and routers in bold."
    caption += " Click a title to sort."
    levels = {row.setting for row in rows if row.curve}
    if len(levels) == 1:
        caption += f" All are shown at the level {escaped(levels.pop())}."
    columns: list[Column[Row]] = [
        Column("router", lambda row: escaped(row.name), words=True),
        *explained_columns(rows),
        Column(
            "McNemar p",
            _p_value,
            "exact test on the questions that only one of the two answers correctly; not corrected for the number of "
            "rows",
            lambda row: row.mcnemar.p if row.mcnemar else None,
        ),
        Column(
            "reward",
            lambda row: fixed(row.reward, 3),
            "mean reward of the episodes, as in training",
            lambda row: row.reward,
        ),
        Column(
            "right specialist",
            lambda row: "" if row.right_specialist is None else f"{row.right_specialist:.0%}",
            "share of the calls to a candidate with the skill that the sub-query needs",
            lambda row: row.right_specialist,
        ),
        Column(
            "ms",
            lambda row: fixed(row.overhead_ms, 3),
            "milliseconds of wall-clock time per decision of a one-shot router, all questions decided at once",
            lambda row: row.overhead_ms,
        ),
        Column(
            "level",
            lambda row: escaped(row.setting) if row.curve and levels else "",
            "how the router was told to weigh cost, or its budget; its main level was chosen before the test questions "
            "were seen",
            words=True,
        ),
    ]
    return table(columns, rows, caption, strong=is_routing)


def _p_value(row: Row) -> str:
    if row.mcnemar is None or is_best_single(row):
        return ""
    return "< 0.001" if row.mcnemar.p < 0.001 else f"{row.mcnemar.p:.3f}"
