"""What mixtures reach: of the levels of one router, and of a weak and a strong model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import fixed
from router_r1_eval.report.row_style import is_routing
from router_r1_eval.report.table import Column, table
from router_r1_eval.results import Mixture, Results, Row


@dataclass(frozen=True)
class _Line:
    name: str
    routes: bool
    mixture: Mixture
    arena_score: float | None


def mixtures_table(results: Results, caption: str) -> str:
    """What random mixtures of a router's levels reach; empty if no row has the figures."""
    lines = [
        _Line(row.name, is_routing(row), row.hull, row.arena_score)
        for row in results.distinct
        if row.hull is not None and not results.is_single(row)
    ]
    if not lines:
        return ""
    if results.zero_router is not None:
        lines.append(_Line("single models, mixed", False, results.zero_router, None))
    lines.sort(key=lambda line: -(line.mixture.aiq or 0))
    spends = list(dict.fromkeys(part for line in lines for part in line.mixture.accuracy_at))
    columns: list[Column[_Line]] = [
        Column("router", lambda line: escaped(line.name), words=True),
        _figure(
            "AIQ",
            lambda mixture: mixture.aiq,
            3,
            "mean accuracy of the mixtures over the cost range of the single models",
        ),
        _figure(
            "in hindsight",
            lambda mixture: mixture.in_hindsight.aiq if mixture.in_hindsight else None,
            3,
            "AIQ with the levels chosen on these test questions, as published for other routers; it flatters routers "
            "with many levels",
        ),
        *(_accuracy_at(spend, with_note=spend == spends[0]) for spend in spends),
        _figure(
            "cost at its accuracy",
            lambda mixture: mixture.cost_ratio_at_100,
            2,
            "cost of the mixture that is as accurate as the best single model, as a share of that model's cost; empty: "
            "no mixture is",
        ),
        _figure(
            "cost at 95 % of it",
            lambda mixture: mixture.cost_ratio_at_95,
            2,
            "the same for 95 % of its accuracy",
        ),
        Column(
            "arena score",
            lambda line: fixed(line.arena_score, 3),
            "accuracy and log cost combined in one number, at the main level of the router",
            lambda line: line.arena_score,
        ),
    ]
    return table(columns, lines, caption, strong=lambda line: line.routes)


def _figure(
    title: str, value: Callable[[Mixture], float | None], digits: int, note: str
) -> Column[_Line]:
    return Column(
        title,
        lambda line: fixed(value(line.mixture), digits),
        note,
        lambda line: value(line.mixture),
    )


def _accuracy_at(spend: str, *, with_note: bool) -> Column[_Line]:
    """The accuracy at a share of the best single model's cost, in percent."""

    def accuracy(line: _Line) -> float | None:
        found = line.mixture.accuracy_at.get(spend)
        return None if found is None else 100 * found

    note = "accuracy of the mixture that costs this share of what the best single model costs"
    return Column(
        f"at {spend.replace('%', ' %')}",
        lambda line: fixed(accuracy(line), 1),
        note if with_note else "",
        accuracy,
    )


def two_models_table(results: Results, caption: str) -> str:
    """For a pool of two models: how well each row orders questions by their need of the stronger one; else empty."""
    lines = [row for row in results.rows if row.apgr is not None and row.cpt is not None]
    if results.two_models is None or not lines:
        return ""
    columns: list[Column[Row]] = [
        Column("router", lambda row: escaped(row.name), words=True),
        Column(
            "APGR",
            lambda row: fixed(row.apgr, 3),
            "average part of the gap that is recovered, over all shares of calls to the stronger model; random order "
            "has 0.5, and the oracle's is the ceiling of this table",
            lambda row: row.apgr,
        ),
        *map(_calls_for, lines[0].cpt or {}),
    ]
    return table(columns, lines, caption, strong=is_routing)


def _calls_for(part: str) -> Column[Row]:
    """The share of calls to the stronger model that recovers this part of the gap."""

    def share(row: Row) -> float | None:
        return (row.cpt or {}).get(part)

    def text(row: Row) -> str:
        return "" if (found := share(row)) is None else f"{100 * found:.1f} %"

    return Column(f"calls for {part}", text, by=share)
