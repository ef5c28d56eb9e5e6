"""The levels of rows: the one that validation chose under a cost cap, and all of them."""

from __future__ import annotations

from collections.abc import Sequence

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import fixed
from router_r1_eval.report.point_columns import SAME, difference_text, plain_columns
from router_r1_eval.report.row_style import is_routing
from router_r1_eval.report.table import Column, table
from router_r1_eval.results import Point, Results, Row, Versus

_CappedLine = tuple[Row, Point | None]


def cost_caps(results: Results) -> list[str]:
    """The cost caps under which some row has a level."""
    found = (cap for row in results.rows if row.curve for cap, point in row.within.items() if point)
    return list(dict.fromkeys(found))


def capped_table(results: Results, cap: str, caption: str) -> str:
    """Every row that has levels, at the one that validation chose under a cost cap.

    Args:
        results: results of a tournament.
        cap: one of `cost_caps`.
        caption: markup.
    """
    lines = [(row, row.within[cap]) for row in results.rows if row.curve and cap in row.within]
    lines.sort(key=lambda line: -(line[1].accuracy if line[1] else 0))
    columns: list[Column[_CappedLine]] = [
        Column("router", lambda line: escaped(line[0].name), words=True),
        *plain_columns(lambda line: line[1], [point for _, point in lines if point]),
        Column(
            "level",
            lambda line: escaped(line[1].setting) if line[1] else "none is that cheap",
            words=True,
        ),
        *_vs_best_per_category(lines),
    ]
    return table(columns, lines, caption, strong=lambda line: is_routing(line[0]))


def _vs_best_per_category(lines: Sequence[_CappedLine]) -> list[Column[_CappedLine]]:
    """A column with the comparison, if some line has it."""

    def versus(line: _CappedLine) -> Versus | None:
        return line[1].vs_best_per_category if line[1] else None

    def difference(line: _CappedLine) -> float | None:
        return None if (found := versus(line)) is None else found.accuracy_diff

    def text(line: _CappedLine) -> str:
        found = versus(line)
        if found is None:
            return ""
        return SAME if found.ci95 == (0, 0) else difference_text(found)

    if not any(map(versus, lines)):
        return []
    note = (
        "points against the best model of each category, at its own level for this cap: what a router gains by seeing "
        "more than the category"
    )
    return [Column("vs best per category", text, note, difference)]


def levels_table(results: Results, caption: str) -> str:
    """All levels of rows that have several, without oracles and single models; empty if no row has."""
    lines = [
        (row, point)
        for row in results.rows
        if row.kind != "oracle" and not results.is_single(row)
        for point in row.curve
    ]
    if not lines:
        return ""
    columns: list[Column[tuple[Row, Point]]] = [
        Column("router", lambda line: escaped(line[0].name), words=True),
        Column("level", lambda line: escaped(line[1].setting), words=True),
        *plain_columns(lambda line: line[1], [point for _, point in lines]),
        Column("reward", lambda line: fixed(line[1].reward, 3), by=lambda line: line[1].reward),
        Column(
            "valid",
            lambda line: "" if line[1].valid is None else f"{100 * line[1].valid:.1f}",
            "percent of the episodes that ended with an answer",
            lambda line: line[1].valid,
        ),
    ]
    return table(columns, lines, caption, strong=lambda line: is_routing(line[0]))
