"""Accuracy against cost: the plane in which routers, bars and single models are compared.

    frontier   all of it: curves with intervals, points with names, the hull of the single models, the oracle
    close_up   the same, around the best single model

Costs are dollars per 1,000 questions, on a logarithmic scale.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_r1_eval.report.labels import LETTER, Box, Spot, brief, place, shortened
from router_r1_eval.report.read import BEST, SAME, Point, Results, Row
from router_r1_eval.report.svg import SERIES, Drawing, Linear, Scale, costs, number
from router_r1_eval.stats.cost_curves import hull, interpolate, through

_LONGEST = 34  # letters of a name
_LOOKED_FOR = (BEST, "random", "cheapest", "dearest")
"""Bars whose names come before those of other bars where there is little room."""
_SHAPES = {"agent": "circle", "router": "square", "bar": "ring", "oracle": "diamond"}


@dataclass(frozen=True)
class _Look:
    """How a row is drawn."""

    colour: str
    shape: str
    curve: bool
    """Whether its levels are joined by a line; of a single model the point alone is drawn."""
    routes: bool
    """A policy or a router: its line has a colour of its own and is stronger than the grey one of a bar."""


def colours(results: Results) -> dict[str, str]:
    """Name of a row -> its colour, the same in all figures: agents and routers in their order, all bars alike."""
    routing = [row.name for row in results.distinct if row.kind in ("agent", "router")]
    own = {name: f"s{hue % SERIES}" for hue, name in enumerate(routing)}
    return {row.name: own.get(row.name, row.kind) for row in results.distinct}


def _looks(results: Results) -> dict[str, _Look]:
    looks, hues = {}, colours(results)
    for row in results.distinct:
        single = results.is_single(row)
        shape = "circle" if row.kind == "bar" and not single else _SHAPES[row.kind]
        curve = len(row.curve) > 1 and not single
        routes = row.kind in ("agent", "router")
        looks[row.name] = _Look(hues[row.name], shape, curve, routes)
    return looks


def marks(results: Results, chosen: str) -> str:
    """What lines and points of the plane mean, as sentences: those that these results have.

    Args:
        results: what is drawn.
        chosen: which questions chose the single models that are mixed, in words.
    """
    looks = list(_looks(results).values())
    sentences = []
    curves = [look for look in looks if look.curve]
    if any(look.routes for look in curves):
        sentences.append(
            "Lines join the levels of a router; the large point is the level that stands for it, the small ones are the others"
        )
        if not all(look.routes for look in curves):
            sentences.append("thin grey lines: the levels of a bar")
    elif curves:
        sentences.append(
            "Thin grey lines join the levels of a bar; the large point is the level that stands for it"
        )
    if any(point.ci95 for point in _points(results)):
        sentences.append("vertical lines: 95 % bootstrap intervals")
    meant = {
        "circle": " and ".join(
            word
            for word, is_there in (
                ("policies", results.has("agent")),
                ("bars", any(x.shape == "circle" and not x.routes for x in looks)),
            )
            if is_there
        ),
        "square": "routers",
        "ring": "single models",
        "diamond": "the oracle",
    }
    drawn = [shape for shape in meant if any(look.shape == shape for look in looks)]
    ways = [f"{shape}{'' if shape == 'diamond' else 's'}: {meant[shape]}" for shape in drawn]
    sentences.append("; ".join(ways))
    if next(_zero_router(results), None) is not None:
        sentences.append(
            f"dashed: what mixing single models at random reaches, which takes no look at a question; {chosen}"
        )
    if results.best is not None:
        sentences.append("dotted: the best single model")
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


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
    if len({(p.cost_usd, p.accuracy) for p in near}) < 3 or top - bottom > 0.5 * whole:
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
    left, right, top, foot = 44.0, width - 12, 24.0, 46.0
    bottom = top + (300 if narrow else 400)
    across = costs(window.costs, left, right)
    up = Linear(window.bottom, window.top, bottom, top)
    label = "Accuracy against dollars per 1,000 questions"
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
    small: list[Spot] = []
    for row in sorted(results.distinct, key=lambda row: looks[row.name].routes):  # routers on top
        look = looks[row.name]
        if look.curve:
            points = sorted(map(spot, row.curve))
            strength = (1.75, None) if look.routes else (1.0, 0.6)
            drawing.line(points, look.colour, width=strength[0], opacity=strength[1], clip=clip)
            lines += _dots(points)
            for point in row.curve:
                if look.routes:
                    _interval(drawing, spot(point)[0], up, point, look.colour, clip, 0.35)
                if window.shows(point):
                    text = _described(f"{row.name} at {point.setting}", point)
                    radius = 2.2 if look.routes else 1.6
                    drawing.marker(*spot(point), look.shape, look.colour, text, radius=radius)
                    small.append(spot(point))
        if window.shows(row):
            x = spot(row)[0]
            _interval(drawing, x, up, row, look.colour, clip, 0.9, 1.75 if look.routes else 1)
            if row.ci95 is not None:
                lines += _dots([(x, up(bound)) for bound in row.ci95])
            shown.setdefault(_rounded(spot(row)), []).append(row)
    heads = {where: _first(rows, looks) for where, rows in shown.items()}
    for where, row in heads.items():
        look = looks[row.name]
        text = _described(", ".join(r.name for r in shown[where]), row)
        drawing.marker(*where, look.shape, look.colour, text, radius=4.5)
    at_best = None if best is None else _rounded(spot(best))
    order = sorted(heads, key=lambda where: (where != at_best, _rank(shown[where], looks)))
    wanted = [(_label(shown[where], looks, narrow), where) for where in order]
    frame = Box(left + 2, top, right, bottom - 2)
    reach = 72.0 if narrow else math.inf
    missing = []
    for (text, where), found in zip(
        wanted, place(wanted, frame, small, lines, size=size, reach=reach), strict=True
    ):
        row = heads[where]
        look = looks[row.name]
        if found is None:
            if not narrow or look.curve or look.routes or where == at_best:
                missing.append((text, row, look))
            continue
        colour = look.colour if look.routes and len(shown[where]) == 1 else "ink"
        colour = "oracle" if row.kind == "oracle" else colour
        if found.far:
            drawing.line([found.point, found.end], "quiet", width=0.75, opacity=0.7)
        drawing.text(found.x, found.y, text, colour, anchor=found.anchor, halo=True)
    _key(drawing, missing, left, right, bottom + foot + 12)
    return drawing


def _label(rows: Sequence[Row], looks: dict[str, _Look], narrow: bool) -> str:
    """The names of the rows that share a point: routers first, the best single model before other bars."""
    names = []
    for row in sorted(rows, key=lambda row: _order(row, looks)):
        fits = not narrow and len(rows) == 1
        names.append(shortened(row.name if fits else brief(row.name), _LONGEST))
    kept = names[:1]
    for name in names[1:]:
        if len(", ".join((*kept, name))) <= (_LONGEST if narrow else 2 * _LONGEST):
            kept.append(name)
    left_out = len(names) - len(kept)
    return ", ".join(kept) + (f" and {left_out} more" if left_out else "")


def _key(
    drawing: Drawing, items: Sequence[tuple[str, Row, _Look]], left: float, right: float, y: float
) -> None:
    """Names that found no place, below the plot, with what tells which point is meant."""
    x = left + 5
    for name, row, look in items:
        text = f"{name}: {row.accuracy:.3f} at ${number(1000 * row.cost_usd)}"
        width = 12 + LETTER * drawing.size * len(text)
        if x + width > right and x > left + 5:
            x, y = left + 5, y + 1.5 * drawing.size
        drawing.marker(x, y - 4, look.shape, look.colour, _described(row.name, row), radius=4.5)
        drawing.text(x + 10, y, text)
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


def _order(row: Row, looks: dict[str, _Look]) -> tuple[int, float]:
    """Which name comes first at a point: routers, the bars one looks for, the rest from the top."""
    known = row.kind == "oracle" or any(n.startswith(_LOOKED_FOR) for n in row.name.split(SAME))
    look = looks[row.name]
    return 0 if look.routes else 1 if known else 2 if look.curve else 3, -row.accuracy


def _rank(rows: Sequence[Row], looks: dict[str, _Look]) -> tuple[int, float]:
    """Which points are named first."""
    return min(_order(row, looks) for row in rows)


def _first(rows: Sequence[Row], looks: dict[str, _Look]) -> Row:
    return min(rows, key=lambda row: _order(row, looks))


def _described(name: str, point: Point) -> str:
    interval = "" if point.ci95 is None else " [{:.3f}, {:.3f}]".format(*point.ci95)
    return f"{name}: accuracy {point.accuracy:.3f}{interval}, ${number(1000 * point.cost_usd)} per 1,000 questions"


def _axes(drawing: Drawing, across: Scale, up: Scale, frame: Box, title: str) -> None:
    """Grid, ticks and their figures."""
    for value in up.ticks(8):
        if not 0 <= value <= 1:  # only the frame goes there
            continue
        y = up(value)
        drawing.line([(frame.left, y), (frame.right, y)], "grid")
        drawing.text(frame.left - 6, y + 4, f"{value:g}", "quiet", anchor="end")
    for value in across.ticks(int((frame.right - frame.left) / 55)):
        x = across(value)
        drawing.line([(x, frame.top), (x, frame.bottom)], "grid")
        text = f"${number(value)}"
        drawing.text(x, frame.bottom + 16, text, "quiet", anchor="middle")
    drawing.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], "quiet")
    drawing.text(frame.left, frame.top - 10, title, "quiet")
