"""The other pictures of a report, each drawn for a given width: the same code serves a page, a phone and a file.

differences   points of accuracy against the best single model, with paired intervals
rewards       mean reward
learning      the learning curve
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from router_r1_eval.report.cost_accuracy import colours
from router_r1_eval.report.labels import LETTER, Box, shortened
from router_r1_eval.report.read import Results, Row
from router_r1_eval.report.svg import Drawing, Linear, number

_PANELS = (
    ("reward", "reward", 1.0),
    ("accuracy", "accuracy", 1.0),
    ("dollars per 1,000 questions", "cost_usd", 1000.0),
    ("calls per question", "calls", 1.0),
)
_ROW = 22.0  # pixels from one line to the next
_RADIUS = 3.9  # of a point


def differences(results: Results, width: float) -> Drawing | None:
    """Points of accuracy against the best single model, with paired intervals; None where nothing was compared."""
    rows = [r for r in results.distinct if r.vs_best_single is not None and r.kind != "oracle"]
    if not rows:
        return None
    rows.sort(key=lambda row: -_difference(row)[0])
    hues = colours(results)
    reached = [bound for row in rows for bound in _difference(row)]
    drawing, scale = _lines(
        rows, width, (min(0.0, *reached), max(0.0, *reached)), "points of accuracy", _cost_text
    )
    for row, y in zip(rows, _heights(drawing), strict=False):
        middle, low, high = _difference(row)
        opacity = None if row.vs_best_single and row.vs_best_single.verdict else 0.75
        drawing.line([(scale(low), y), (scale(high), y)], hues[row.name], width=2, opacity=opacity)
        text = f"{row.name}: {middle:+.1f} [{low:+.1f}, {high:+.1f}] points"
        shape = "circle" if _told(row) else "ring"
        drawing.marker(scale(middle), y, shape, hues[row.name], text, radius=_RADIUS)
    return drawing


def difference_marks(results: Results) -> str:
    """What the points of `differences` mean, as sentences: those that it has."""
    rows = [r for r in results.distinct if r.vs_best_single is not None and r.kind != "oracle"]
    found = {_told(row) for row in rows}
    return " ".join(
        (
            *(["Filled: the interval leaves out 0."] if True in found else []),
            *(["Ring: this sample can not tell the two apart."] if False in found else []),
            *(["The oracle is left out."] if results.has("oracle") else []),
        )
    )


def _told(row: Row) -> bool:
    """Whether the sample tells it from the best single model."""
    return row.vs_best_single is not None and row.vs_best_single.verdict != 0


def rewards(results: Results, width: float) -> Drawing | None:
    """Mean reward of every row; None where some have none."""
    rows = [row for row in results.distinct if row.reward is not None]
    if len(rows) < len(results.distinct):
        return None
    values = {row.name: row.reward or 0.0 for row in rows}
    hues = colours(results)
    rows.sort(key=lambda row: -values[row.name])
    ends = (min(0.0, *values.values()), max(0.0, *values.values()))
    drawing, scale = _lines(rows, width, ends, "mean reward", lambda r: f"{values[r.name]:.3f}")
    for row, y in zip(rows, _heights(drawing), strict=False):
        first, last = sorted((scale(0), scale(values[row.name])))
        drawing.add(
            "rect",
            x=first,
            y=y - 6,
            width=max(1.0, last - first),
            height=12,
            class_=f"f-{hues[row.name]}",
        )
    return drawing


def _heights(drawing: Drawing) -> Iterator[float]:
    y = 8 + _ROW / 2
    while y < drawing.height:
        yield y
        y += _ROW


def _lines(
    rows: Sequence[Row],
    width: float,
    ends: tuple[float, float],
    title: str,
    figure: Callable[[Row], str],
) -> tuple[Drawing, Linear]:
    """A horizontal axis with a line for each row: its name on the left, a figure on the right."""
    narrow = width < 600
    size = 11.0 if narrow else 12.0
    names = [shortened(row.name, 22 if narrow else 40) for row in rows]
    left = 8 + LETTER * size * max(map(len, names))
    right = width - 10 - LETTER * size * max(len(figure(row)) for row in rows)
    bottom = 8 + _ROW * len(rows)
    drawing = Drawing(width, bottom + 42, title, size=size)
    room = 0.03 * (ends[1] - ends[0]) or 1
    scale = Linear(
        ends[0] - (room if ends[0] < 0 else 0),
        ends[1] + (room if ends[1] > 0 else 0),
        left + 6,
        right - 8,
    )
    for value in scale.ticks(max(3, int((right - left) / 50))):
        x = scale(value)
        drawing.line([(x, 4), (x, bottom)], "grid")
        drawing.text(x, bottom + 16, number(value), "quiet", anchor="middle")
    drawing.line([(scale(0), 4), (scale(0), bottom)], "quiet")
    drawing.text((left + right) / 2, bottom + 35, title, "quiet", anchor="middle")
    for row, name, y in zip(rows, names, _heights(drawing), strict=False):
        weight = "600" if row.kind in ("agent", "router") else None
        drawing.text(left, y + 4, name, anchor="end", weight=weight)
        drawing.text(width - 4, y + 4, figure(row), "quiet", anchor="end")
    return drawing, scale


def _difference(row: Row) -> tuple[float, float, float]:
    """In points: the difference and its interval."""
    versus = row.vs_best_single
    if versus is None:
        return 0.0, 0.0, 0.0
    return 100 * versus.accuracy_diff, 100 * versus.ci95[0], 100 * versus.ci95[1]


def _cost_text(row: Row) -> str:
    ratio = row.vs_best_single.cost_ratio if row.vs_best_single else None
    return "" if ratio is None else f"×{ratio:.2f}"


# --- the learning curve


def learning(steps: Sequence[tuple[int, dict[str, Any]]], width: float) -> Drawing | None:
    """Four panels over the steps of a training run, training and validation; None where the log has none of their figures."""
    panels = [
        (title, [_series(steps, f"{kind}/{key}", unit) for kind in ("episode", "val")])
        for title, key, unit in _PANELS
    ]
    panels = [(title, series) for title, series in panels if any(series)]
    if not panels:
        return None
    columns = min(len(panels), 4 if width >= 600 else 1)
    each, high = width / columns, 190.0 if columns > 1 else 150.0
    rows = -(-len(panels) // columns)
    label = "Learning curve: " + ", ".join(title for title, _ in panels)
    drawing = Drawing(width, rows * high + 22, label, size=11)
    for place_, (title, series) in enumerate(panels):
        x, y = each * (place_ % columns), high * (place_ // columns)
        _panel(drawing, title, series, Box(x + 40, y + 26, x + each - 10, y + high - 26))
    base = rows * high + 12
    for x, colour, name in ((40.0, "quiet", "training"), (130.0, "s0", "validation")):
        drawing.line([(x, base - 4), (x + 18, base - 4)], colour, width=2)
        drawing.text(x + 23, base, name, colour)
    drawing.text(width - 10, base, "steps", "quiet", anchor="end")
    return drawing


def _series(
    steps: Sequence[tuple[int, dict[str, Any]]], key: str, unit: float
) -> list[tuple[float, float]]:
    return [(float(step), unit * data[key]) for step, data in steps if key in data]


def _panel(
    drawing: Drawing, title: str, series: Sequence[list[tuple[float, float]]], frame: Box
) -> None:
    points = [point for line in series for point in line]
    low, high = min(y for _, y in points), max(y for _, y in points)
    room = 0.06 * (high - low) or abs(high) * 0.1 or 1
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    across = Linear(first, last, frame.left + 4, frame.right - 4)
    up = Linear(low - room, high + room, frame.bottom, frame.top)
    drawing.text(frame.left, frame.top - 10, title, weight="600")
    for value in up.ticks(5):
        y = up(value)
        drawing.line([(frame.left, y), (frame.right, y)], "grid")
        drawing.text(frame.left - 5, y + 4, number(value), "quiet", anchor="end")
    for value in across.ticks(4):
        drawing.text(across(value), frame.bottom + 15, number(value), "quiet", anchor="middle")
    drawing.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], "quiet")
    for line, colour in zip(series, ("quiet", "s0"), strict=True):
        spots = [(across(x), up(y)) for x, y in line]
        drawing.line(spots, colour, width=1.5, opacity=0.8 if colour == "quiet" else None)
        if colour == "s0":
            for (x, y), (step, value) in zip(spots, line, strict=True):
                text = f"step {step:g}: {number(value)}"
                drawing.marker(x, y, "circle", colour, text, radius=2.5)
