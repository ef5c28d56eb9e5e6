"""The columns that several tables share: accuracy, the comparison with the best single model, cost and calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from router_r1_eval.report.markup import Markup
from router_r1_eval.report.number_format import fixed, signed
from router_r1_eval.report.table import Column
from router_r1_eval.results import Point, Row, Versus

T = TypeVar("T")
SAME = Markup('<span class="quiet">the same</span>')
"""In place of a difference that is 0 on every question."""


def explained_columns(rows: Sequence[Row]) -> list[Column[Row]]:
    """The columns of rows, with notes on what these rows have."""
    accuracy = "percent of the questions"
    if any(row.ci95 for row in rows):
        accuracy += ", with the bootstrap interval over questions"
    paid_calls = "candidate calls"
    if any(row.kind == "agent" for row in rows):
        paid_calls += " and, if it has a price, of the policy"
    notes = {
        "accuracy": accuracy,
        "$ per 1,000": f"cost of {paid_calls}, in US dollars per 1,000 questions",
    }
    return [
        _of_line(lambda row: row, replace(column, note=notes.get(column.title, column.note)))
        for column in _point_columns(cost_format(rows))
    ]


def plain_columns(
    point_of: Callable[[T], Point | None], points: Iterable[Point]
) -> list[Column[T]]:
    """The columns without notes, which are below the results table.

    Args:
        point_of: the point of a line; None for empty cells.
        points: all points of the table.
    """
    return [
        replace(_of_line(point_of, column), note="")
        for column in _point_columns(cost_format(points))
    ]


def cost_format(points: Iterable[Point]) -> Callable[[Point], str]:
    """A format for costs per 1,000 questions, with enough digits for two significant ones in the smallest cost."""
    costs = [1000 * p.cost_usd for p in points if p.cost_usd > 0]
    digits = max(2, min(6, 1 - math.floor(math.log10(min(costs))))) if costs else 2
    return lambda point: f"{1000 * point.cost_usd:.{digits}f}"


def is_best_single(point: Point) -> bool:
    """Whether a point gives the same answers as the best single model."""
    versus = point.vs_best_single
    return versus is not None and versus.accuracy_diff == 0 and versus.ci95 == (0, 0)


def difference_text(versus: Versus) -> Markup:
    """A difference in points and its interval, as markup."""
    low, high = (100 * bound for bound in versus.ci95)
    return Markup(f"{signed(100 * versus.accuracy_diff)} {_interval(low, high, signed)}")


def _of_line(point_of: Callable[[T], Point | None], column: Column[Point]) -> Column[T]:
    """The column of points as a column of lines that have a point."""
    by = column.by

    def text(line: T) -> str:
        point = point_of(line)
        return "" if point is None else column.text(point)

    def order(line: T) -> float | None:
        point = point_of(line)
        return None if point is None or by is None else by(point)

    return Column(column.title, text, column.note, order, column.words)


def _point_columns(cost_text: Callable[[Point], str]) -> list[Column[Point]]:
    return [
        Column("accuracy", _accuracy, by=lambda p: p.accuracy),
        Column(
            "vs best single",
            _vs_best_single,
            "accuracy difference to the best single model on the same questions, in points, with the paired 95 % "
            "interval; ▲ significantly above it and ▼ significantly below it (the interval excludes 0); unmarked: this "
            "sample cannot tell the two apart",
            lambda p: p.vs_best_single.accuracy_diff if p.vs_best_single else None,
        ),
        Column("$ per 1,000", cost_text, by=lambda p: p.cost_usd),
        Column(
            "× its cost",
            lambda p: fixed(p.vs_best_single.cost_ratio if p.vs_best_single else None, 2),
            "cost as a share of the best single model's",
            lambda p: p.vs_best_single.cost_ratio if p.vs_best_single else None,
        ),
        Column(
            "calls",
            lambda p: f"{p.calls:.2f}",
            "candidate calls per question",
            lambda p: p.calls,
        ),
    ]


def _accuracy(point: Point) -> str:
    bounds = ""
    if point.ci95 is not None:
        low, high = (100 * bound for bound in point.ci95)
        bounds = f" {_interval(low, high, lambda value: f'{value:.1f}')}"
    return Markup(f"{100 * point.accuracy:.1f}{bounds}")


def _vs_best_single(point: Point) -> str:
    versus = point.vs_best_single
    if versus is None:
        return ""
    if is_best_single(point):
        return SAME
    verdict = 0 if isinstance(point, Row) and point.kind == "oracle" else versus.verdict
    mark = {1: '<b class="up">▲</b> ', -1: "▼ ", 0: ""}[verdict]
    text = f"{mark}{difference_text(versus)}"
    return Markup(f"<b>{text}</b>" if verdict > 0 else text)


def _interval(low: float, high: float, number_format: Callable[[float], str]) -> str:
    return f'<span class="ci">[{number_format(low)}, {number_format(high)}]</span>'
