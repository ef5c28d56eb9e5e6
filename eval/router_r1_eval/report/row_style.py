"""The colour and marker of each row, the same in all figures of a report."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1_eval.report.svg import SERIES, Shape
from router_r1_eval.results import Kind, Results, Row

_SHAPES: dict[Kind, Shape] = {
    "agent": "circle",
    "router": "square",
    "baseline": "circle",
    "oracle": "diamond",
}


@dataclass(frozen=True)
class RowStyle:
    """How a row is drawn."""

    colour: str
    shape: Shape
    has_curve: bool
    """Whether a line joins its levels; only the main point of a single model is drawn."""
    routes: bool
    """Whether it is a policy or a router, which has a colour of its own and a stronger line than a baseline."""


def is_routing(row: Row) -> bool:
    """Whether a row is a policy or a router, and neither a baseline nor an oracle."""
    return row.kind in ("agent", "router")


def row_colours(results: Results) -> dict[str, str]:
    """Row name -> colour: one for each policy and router, in their order, and one for all baselines."""
    routing = [row.name for row in results.distinct if is_routing(row)]
    own = {name: f"s{place % SERIES}" for place, name in enumerate(routing)}
    return {row.name: own.get(row.name, row.kind) for row in results.distinct}


def row_styles(results: Results) -> dict[str, RowStyle]:
    """Row name -> style."""
    colours = row_colours(results)
    styles = {}
    for row in results.distinct:
        single = results.is_single(row)
        shape = "ring" if row.kind == "baseline" and single else _SHAPES[row.kind]
        has_curve = len(row.curve) > 1 and not single
        styles[row.name] = RowStyle(colours[row.name], shape, has_curve, is_routing(row))
    return styles
