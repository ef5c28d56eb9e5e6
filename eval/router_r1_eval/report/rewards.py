"""Mean rewards as a bar chart."""

from __future__ import annotations

from router_r1_eval.report.row_chart import RowChart
from router_r1_eval.report.row_style import row_colours
from router_r1_eval.report.svg import Drawing
from router_r1_eval.results import Results


def rewards(results: Results, width: float) -> Drawing | None:
    """Draw the mean reward of every row; None if a row has none."""
    values = {row.name: row.reward for row in results.distinct if row.reward is not None}
    if len(values) < len(results.distinct):
        return None
    rows = sorted(results.distinct, key=lambda row: -values[row.name])
    ends = min(0.0, *values.values()), max(0.0, *values.values())
    chart = RowChart(rows, width, ends, "mean reward", lambda row: f"{values[row.name]:.3f}")
    colours = row_colours(results)
    for place, row in enumerate(rows):
        first, last = sorted((chart.scale(0), chart.scale(values[row.name])))
        chart.drawing.add(
            "rect",
            x=first,
            y=chart.height_of(place) - 6,
            width=max(1.0, last - first),
            height=12,
            class_=f"f-{colours[row.name]}",
        )
    return chart.drawing
