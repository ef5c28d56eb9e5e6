"""The learning curve of a training run: panels over its steps, training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router_r1_eval.report.labels import Box
from router_r1_eval.report.number_format import compact
from router_r1_eval.report.scales import Linear
from router_r1_eval.report.svg import Drawing

_PANELS = (
    ("reward", "reward", 1.0),
    ("accuracy", "accuracy", 1.0),
    ("dollars per 1,000 questions", "cost_usd", 1000.0),
    ("calls per question", "calls", 1.0),
)
"""Title, name of the metric, and factor from its unit to that of the panel."""
_Series = list[tuple[float, float]]  # (step, value)


def learning_curve(steps: Sequence[tuple[int, dict[str, Any]]], width: float) -> Drawing | None:
    """Draw a panel for each known metric of a training log; None if the log has none of them.

    Args:
        steps: each step and its metrics, as `read_metrics` returns them.
        width: in pixels; a narrow drawing has the panels below each other.
    """
    panels = [
        (title, [_series(steps, f"{kind}/{key}", unit) for kind in ("episode", "val")])
        for title, key, unit in _PANELS
    ]
    panels = [(title, series) for title, series in panels if any(series)]
    if not panels:
        return None
    columns = min(len(panels), 4 if width >= 600 else 1)
    panel_width, panel_height = width / columns, 190.0 if columns > 1 else 150.0
    rows = -(-len(panels) // columns)
    label = "Learning curve: " + ", ".join(title for title, _ in panels)
    drawing = Drawing(width, rows * panel_height + 22, label, size=11)
    for place, (title, series) in enumerate(panels):
        x, y = panel_width * (place % columns), panel_height * (place // columns)
        _panel(
            drawing, title, series, Box(x + 40, y + 26, x + panel_width - 10, y + panel_height - 26)
        )
    base = rows * panel_height + 12
    for x, colour, name in ((40.0, "quiet", "training"), (130.0, "s0", "validation")):
        drawing.line([(x, base - 4), (x + 18, base - 4)], colour, width=2)
        drawing.text(x + 23, base, name, colour)
    drawing.text(width - 10, base, "steps", "quiet", anchor="end")
    return drawing


def _series(steps: Sequence[tuple[int, dict[str, Any]]], key: str, unit: float) -> _Series:
    return [(float(step), unit * data[key]) for step, data in steps if key in data]


def _panel(drawing: Drawing, title: str, series: Sequence[_Series], frame: Box) -> None:
    """Draw one panel: its axes, the training series in grey and the validation series in colour."""
    points = [point for line in series for point in line]
    low, high = min(y for _, y in points), max(y for _, y in points)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    across = Linear(first, last, frame.left + 4, frame.right - 4)
    up = Linear(low - margin, high + margin, frame.bottom, frame.top)
    drawing.text(frame.left, frame.top - 10, title, weight="600")
    for value in up.ticks(5):
        y = up(value)
        drawing.line([(frame.left, y), (frame.right, y)], "grid")
        drawing.text(frame.left - 5, y + 4, compact(value), "quiet", anchor="end")
    for value in across.ticks(4):
        drawing.text(across(value), frame.bottom + 15, compact(value), "quiet", anchor="middle")
    drawing.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], "quiet")
    for line, colour in zip(series, ("quiet", "s0"), strict=True):
        spots = [(across(x), up(y)) for x, y in line]
        drawing.line(spots, colour, width=1.5, opacity=0.8 if colour == "quiet" else None)
        if colour == "s0":
            for (x, y), (step, value) in zip(spots, line, strict=True):
                text = f"step {step:g}: {compact(value)}"
                drawing.marker(x, y, "circle", colour, text, radius=2.5)
