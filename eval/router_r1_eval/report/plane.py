"""Accuracy against cost: the plane in which routers, bars and single models are compared.

    frontier   all of it: curves with intervals, points with names, the hull of the single models, the oracle
    close_up   the same, around the best single model

Costs are dollars per 1,000 questions, on a logarithmic scale.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_r1_eval.curves import hull, interpolate, through
from router_r1_eval.report.labels import LETTER, Box, Spot, place, shortened
from router_r1_eval.report.read import SAME, Point, Results, Row
from router_r1_eval.report.svg import SERIES, Drawing, Linear, Scale, costs, number

_DASHES = ("7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4")
_LOOKED_FOR = ("best single", "random", "cheapest", "dearest")
"""Bars whose names come before those of other bars where there is little room."""
_SHAPES = {"agent": "circle", "router": "square", "bar": "ring", "oracle": "diamond"}


@dataclass(frozen=True)
class _Look:
    """How a row is drawn."""

    colour: str
    shape: str
    dash: str | None
    curve: bool


def _looks(results: Results) -> dict[str, _Look]:
    """Colours for agents and routers, in their order; grey dashes for bars that have a curve; single models are points."""
    looks, hues, dashes = {}, 0, 0
    for row in results.distinct:
        single = results.is_single(row)
        curve = len(row.curve) > 1 and not single
        colour: str = row.kind
        dash = None
        if row.kind in ("agent", "router"):
            colour, hues = f"s{hues % SERIES}", hues + 1
        elif curve:
            dash, dashes = _DASHES[dashes % len(_DASHES)], dashes + 1
        shape = "circle" if row.kind == "bar" and not single else _SHAPES[row.kind]
        looks[row.name] = _Look(colour, shape, dash, curve)
    return looks


@dataclass(frozen=True)
class _Window:
    """What part of cost (dollars per 1,000 questions) and accuracy is shown."""

    costs: tuple[float, ...]
    bottom: float
    top: float

    def shows(self, point: Point) -> bool:
        cost = 1000 * point.cost_usd
        return self.bottom <= point.accuracy <= self.top and (
            min(self.costs) <= cost <= max(self.costs)
        )


def frontier(results: Results, width: float) -> Drawing:
    """Accuracy against cost, all of it. Costs are dollars per 1,000 questions."""
    points = _points(results)
    low = min(_bounds(p)[0] for p in points)
    high = max(_bounds(p)[1] for p in points)
    room = 0.04 * (high - low) or 0.02
    window = _Window(tuple(1000 * p.cost_usd for p in points), low - room, high + room)
    return _plot(results, width, window, "frontier")


def close_up(results: Results, width: float) -> Drawing | None:
    """The part around the best single model; None where that is most of the whole, or nothing is there."""
    best = results.best
    rivals = [row for row in results.rows if row.kind in ("agent", "router")]
    if best is None or not rivals:
        return None
    top = max(_bounds(p)[1] for row in (*rivals, best) for p in (row, *row.curve)) + 0.005
    bottom = min(best.accuracy - 0.6 * (top - best.accuracy), _bounds(best)[0]) - 0.005
    accuracies = [point.accuracy for point in _points(results)]
    whole = max(accuracies) - min(accuracies)
    near = [p for p in _points(results, oracles=False) if bottom <= p.accuracy <= top]
    if len(near) < 3 or top - bottom > 0.5 * whole:
        return None
    window = _Window(tuple(1000 * p.cost_usd for p in near), bottom, top)
    return _plot(results, width, window, "closeup")


def _points(results: Results, *, oracles: bool = True) -> list[Point]:
    """All that is drawn: of a single model the point that stands for it, of the others the levels too."""
    return [
        point
        for row in results.rows
        if oracles or row.kind != "oracle"
        for point in (row, *(() if results.is_single(row) else row.curve))
    ]


def _bounds(point: Point) -> tuple[float, float]:
    return point.ci95 or (point.accuracy, point.accuracy)


def _plot(results: Results, width: float, window: _Window, name: str) -> Drawing:
    narrow = width < 600
    size = 11.0 if narrow else 12.0
    looks = _looks(results)
    left, right, top, foot = 44.0, width - 12, 12.0, 46.0
    bottom = (top + 300) if narrow else (top + 400)
    across = costs(window.costs, left, right)
    up = Linear(window.bottom, window.top, bottom, top)
    label = "Accuracy against dollars per 1,000 questions"
    curves = [r for r in results.distinct if looks[r.name].curve]
    drawing = Drawing(width, bottom + foot, label, size=size)
    _axes(drawing, across, up, Box(left, top, right, bottom), "accuracy")
    middle = (left + right) / 2
    logarithmic = "" if isinstance(across, Linear) else ", logarithmic"
    title = f"US dollars per 1,000 questions{logarithmic}"
    drawing.text(middle, bottom + 36, title, "quiet", anchor="middle")
    clip = drawing.clip(f"{name}-{width:g}", left, top, right, bottom)

    def spot(point: Point) -> Spot:
        return across(1000 * point.cost_usd), up(point.accuracy)

    best = results.best
    if best is not None:
        x, y = spot(best)
        drawing.line([(left, y), (right, y)], "quiet", dash="1 4", clip=clip)
        drawing.line([(x, top), (x, bottom)], "quiet", dash="1 4", clip=clip)
    lines: list[Spot] = []
    zero = [(across(c), up(a)) for c, a in _zero_router(results) if c > 0 or _has_zero(across)]
    if len(zero) > 1:
        drawing.line(zero, "quiet", width=1.25, dash="6 4", clip=clip)
        lines += zero
    shown: dict[Spot, list[Row]] = {}
    for row in results.distinct:
        look = looks[row.name]
        if look.curve:
            points = sorted(map(spot, row.curve))
            grey = look.dash is not None
            drawing.line(
                points, look.colour, width=1.25 if grey else 1.75, dash=look.dash, clip=clip
            )
            lines += _dots(points)
            for point in row.curve if not grey else ():
                _interval(drawing, spot(point)[0], up, point, look.colour, clip, 0.35)
                if window.shows(point):
                    text = _described(f"{row.name} at {point.setting}", point)
                    drawing.marker(*spot(point), look.shape, look.colour, text, radius=2.2)
        if window.shows(row):
            _interval(
                drawing, spot(row)[0], up, row, look.colour, clip, 0.9, 1.75 if look.curve else 1
            )
            shown.setdefault(_rounded(spot(row)), []).append(row)
    for rows in shown.values():
        row, look = rows[0], looks[rows[0].name]
        text = _described(", ".join(r.name for r in rows), row)
        drawing.marker(*spot(row), look.shape, look.colour, text, radius=4.5)
    named = [(where, rows, _first(rows, looks)) for where, rows in shown.items()]
    named.sort(key=lambda item: _rank(item[2], looks))
    wanted: list[tuple[str, Sequence[Spot]]] = []
    for where, rows, row in named:
        others = [p for p in row.curve if window.shows(p)] if looks[row.name].curve else []
        ends = [spot(p) for p in sorted(others, key=lambda p: p.cost_usd)]
        names = (r.name.partition(SAME)[0] if narrow else r.name for r in rows)
        text = ", ".join(shortened(name, 34) for name in names)
        wanted.append((text, [where, *ends[-1:], *ends[:1]]))
    marks = [*shown, *(spot(p) for r in curves for p in r.curve if window.shows(p))]
    frame = Box(left + 2, top, right, bottom - 2)
    places = place(wanted, frame, marks, lines, size=size, reach=26 if narrow else 60)
    missing = []
    for (text, _), (_, _, row), found in zip(wanted, named, places, strict=True):
        look = looks[row.name]
        if found is None:
            if look.curve:
                missing.append((text, look))
            continue
        colour = "ink" if look.colour == "bar" else look.colour
        if found.far:
            x, y = found.point
            edge = min(max(x, found.box.left), found.box.right)
            middle_y = min(max(y, found.box.top), found.box.bottom)
            drawing.line([(x, y), (edge, middle_y)], "quiet", width=0.75, opacity=0.7)
        drawing.text(found.x, found.y, text, colour, anchor=found.anchor, halo=True)
    _key(drawing, missing, left, right, bottom + foot + 4)
    return drawing


def _key(
    drawing: Drawing, items: Sequence[tuple[str, _Look]], left: float, right: float, y: float
) -> None:
    """Names of curves that found no place, below the plot."""
    x = left
    for text, look in items:
        width = 30 + LETTER * drawing.size * len(text)
        if x + width > right and x > left:
            x, y = left, y + 1.5 * drawing.size
        drawing.line([(x, y - 4), (x + 20, y - 4)], look.colour, width=2, dash=look.dash)
        drawing.text(x + 25, y, text)
        x += width + 12
        drawing.height = y + 8


def _zero_router(results: Results) -> Iterator[tuple[float, float]]:
    """Points along the curve of the single models, as dollars per 1,000 questions: what can be done without a look at a question."""
    singles = {row.name: (row.cost_usd, row.accuracy) for row in results.singles}
    if len(singles) < 2:
        return
    mixed = [singles[name] for name in results.mixed_singles]
    points = (through(mixed) if mixed else hull(singles.values())).points
    for first, second in itertools.pairwise(points):
        for step in range(16):  # straight for linear costs, bent for their logarithms
            cost, accuracy = interpolate(first, second, step / 16)
            yield 1000 * cost, accuracy
    yield 1000 * points[-1][0], points[-1][1]
    yield 1000 * max(row.cost_usd for row in results.rows), points[-1][1]


def _has_zero(scale: Scale) -> bool:
    return getattr(scale, "zero", 0.0) is not None


def _interval(
    drawing: Drawing,
    x: float,
    up: Linear,
    point: Point,
    colour: str,
    clip: str,
    opacity: float,
    width: float = 1,
) -> None:
    if point.ci95 is not None:
        ends = [(x, up(bound)) for bound in point.ci95]
        drawing.line(ends, colour, width=width, opacity=opacity, clip=clip)


def _dots(points: Sequence[Spot]) -> Iterator[Spot]:
    """Points along a line, some eight pixels apart."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / 8))
        for step in range(steps):
            yield x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps


def _rounded(spot: Spot) -> Spot:
    return round(spot[0], 1), round(spot[1], 1)


def _rank(row: Row, looks: dict[str, _Look]) -> tuple[int, float]:
    """Which names come first: routers, the bars one looks for, the rest from the top."""
    first = row.kind in ("agent", "router")
    known = row.kind == "oracle" or row.name.startswith(_LOOKED_FOR)
    order = 0 if first else 1 if known else 2 if looks[row.name].curve else 3
    return order, -row.accuracy


def _first(rows: Sequence[Row], looks: dict[str, _Look]) -> Row:
    return min(rows, key=lambda row: _rank(row, looks))


def _described(name: str, point: Point) -> str:
    interval = "" if point.ci95 is None else " [{:.3f}, {:.3f}]".format(*point.ci95)
    return f"{name}: accuracy {point.accuracy:.3f}{interval}, ${number(1000 * point.cost_usd)} per 1,000 questions"


def _axes(drawing: Drawing, across: Scale, up: Scale, frame: Box, title: str) -> None:
    """Grid, ticks and their figures."""
    for value in up.ticks(8):
        y = up(value)
        drawing.line([(frame.left, y), (frame.right, y)], "grid")
        drawing.text(frame.left - 6, y + 4, number(value), "quiet", anchor="end")
    for value in across.ticks(int((frame.right - frame.left) / 55)):
        x = across(value)
        drawing.line([(x, frame.top), (x, frame.bottom)], "grid")
        text = f"${number(value)}"
        drawing.text(x, frame.bottom + 16, text, "quiet", anchor="middle")
    drawing.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], "quiet")
    drawing.text(frame.left + 6, frame.top + 12, title, "quiet")
