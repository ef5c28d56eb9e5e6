"""Accuracy differences to the best single model, with paired intervals, as a figure."""

from __future__ import annotations

from router_r1_eval.report.row_chart import RowChart
from router_r1_eval.report.row_style import row_colours
from router_r1_eval.report.svg import Drawing, Shape
from router_r1_eval.results import Results, Row, Versus

_RADIUS = 3.9  # of a point


def differences(results: Results, width: float) -> Drawing | None:
    """Draw the difference of every row but the oracles; None if no row was compared."""
    compared = sorted(_compared(results), key=lambda item: -item[1].accuracy_diff)
    if not compared:
        return None
    bounds = [100 * bound for _, versus in compared for bound in versus.ci95]
    middles = [100 * versus.accuracy_diff for _, versus in compared]
    ends = min(0.0, *bounds, *middles), max(0.0, *bounds, *middles)
    chart = RowChart([row for row, _ in compared], width, ends, "points of accuracy", _cost_ratio)
    colours = row_colours(results)
    for place, (row, versus) in enumerate(compared):
        y, colour = chart.height_of(place), colours[row.name]
        low, high = (100 * bound for bound in versus.ci95)
        middle = 100 * versus.accuracy_diff
        interval = [(chart.scale(low), y), (chart.scale(high), y)]
        opacity = None if versus.verdict else 0.75
        chart.drawing.line(interval, colour, width=2, opacity=opacity)
        title = f"{row.name}: {middle:+.1f} [{low:+.1f}, {high:+.1f}] points"
        shape: Shape = "circle" if versus.verdict else "ring"
        chart.drawing.marker(chart.scale(middle), y, shape, colour, title, radius=_RADIUS)
    return chart.drawing


def differences_caption(results: Results) -> str:
    """Explain the points that the figure has."""
    significant = {versus.verdict != 0 for _, versus in _compared(results)}
    sentences = {
        "Filled: the interval excludes 0.": True in significant,
        "Ring: this sample cannot tell the two apart.": False in significant,
        "The oracle is left out.": results.has("oracle"),
    }
    return " ".join(sentence for sentence, holds in sentences.items() if holds)


def _compared(results: Results) -> list[tuple[Row, Versus]]:
    return [
        (row, row.vs_best_single)
        for row in results.distinct
        if row.vs_best_single is not None and row.kind != "oracle"
    ]


def _cost_ratio(row: Row) -> str:
    ratio = row.vs_best_single.cost_ratio if row.vs_best_single else None
    return "" if ratio is None else f"×{ratio:.2f}"
