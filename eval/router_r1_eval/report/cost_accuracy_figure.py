"""Accuracy against cost: the figure in which routers, baselines and single models are compared.

    frontier   the whole figure: curves with intervals, labelled points, the hull of the single models, the oracle
    close_up   the part around the best single model

Costs are US dollars per 1,000 questions on a logarithmic scale.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_r1_eval.report.labels import LETTER_WIDTH, Box, Spot, place_labels
from router_r1_eval.report.number_format import compact
from router_r1_eval.report.row_names import one_name, shortened
from router_r1_eval.report.row_style import is_routing, row_styles
from router_r1_eval.report.scales import Linear, cost_scale
from router_r1_eval.report.svg import Drawing
from router_r1_eval.results import BEST_SINGLE, NAME_SEPARATOR, Point, Results, Row
from router_r1_eval.stats.cost_curves import hull, interpolate, through

_LONGEST_NAME = 34  # letters
_LABELLED_FIRST = (BEST_SINGLE, "random", "cheapest", "dearest")
"""Baselines that are labelled before other baselines where there is little room."""
_STEPS = 16  # points per segment of the hull: straight for linear costs, bent for their logarithms


@dataclass(frozen=True)
class _Window:
    """The range of costs (dollars per 1,000 questions) and accuracies that is shown."""

    costs: tuple[float, ...]
    bottom: float
    top: float

    def shows(self, point: Point) -> bool:
        cost = 1000 * point.cost_usd
        return self.bottom <= point.accuracy <= self.top and (
            min(self.costs) <= cost <= max(self.costs)
        )


def frontier(results: Results, width: float) -> Drawing:
    """Draw accuracy against cost for all rows."""
    points = drawn_points(results)
    low = min(_bounds(p)[0] for p in points)
    high = max(_bounds(p)[1] for p in points)
    margin = 0.04 * (high - low) or 0.02
    window = _Window(tuple(1000 * p.cost_usd for p in points), low - margin, high + margin)
    return _Plot(results, width, window, "frontier").draw()


def close_up(results: Results, width: float) -> Drawing | None:
    """Draw the part around the best single model; None if that is most of the figure, or there is little in it."""
    best = results.best
    rivals = [row for row in results.rows if is_routing(row)]
    if best is None or not rivals:
        return None
    top = max(_bounds(p)[1] for row in (*rivals, best) for p in (row, *row.curve)) + 0.005
    bottom = min(best.accuracy - 0.6 * (top - best.accuracy), _bounds(best)[0]) - 0.005
    accuracies = [point.accuracy for point in drawn_points(results)]
    whole = max(accuracies) - min(accuracies)
    near = [p for p in drawn_points(results, oracles=False) if bottom <= p.accuracy <= top]
    if len({(p.cost_usd, p.accuracy) for p in near}) < 3 or top - bottom > 0.5 * whole:
        return None
    window = _Window(tuple(1000 * p.cost_usd for p in near), bottom, top)
    return _Plot(results, width, window, "closeup").draw()


def drawn_points(results: Results, *, oracles: bool = True) -> list[Point]:
    """All points that are drawn: only the main one of a single model, and all levels of other rows."""
    return [
        point
        for row in results.rows
        if oracles or row.kind != "oracle"
        for point in (row, *(() if results.is_single(row) else row.curve))
    ]


def _bounds(point: Point) -> tuple[float, float]:
    return point.ci95 or (point.accuracy, point.accuracy)


class _Plot:
    """Draws one window of the figure."""

    def __init__(self, results: Results, width: float, window: _Window, name: str) -> None:
        self.results, self.window, self.narrow = results, window, width < 600
        self.styles = row_styles(results)
        height, size = (300, 11.0) if self.narrow else (400, 12.0)
        self.frame = Box(44.0, 24.0, width - 12, 24.0 + height)
        self.foot = self.frame.bottom + 46.0
        self.across = cost_scale(window.costs, self.frame.left, self.frame.right)
        self.up = Linear(window.bottom, window.top, self.frame.bottom, self.frame.top)
        label = "Accuracy against dollars per 1,000 questions"
        self.drawing = Drawing(width, self.foot, label, size=size)
        self.clip_name, self.clip = f"{name}-{width:g}", ""
        self.small_points: list[Spot] = []
        """Points without a label, which labels may not cover."""
        self.line_points: list[Spot] = []
        """Points along lines, which labels should rather not cover."""
        self.rows_at: dict[Spot, list[Row]] = {}
        """The rows whose main points share a spot."""

    def draw(self) -> Drawing:
        self._draw_axes()
        frame = self.frame
        self.clip = self.drawing.clip(
            self.clip_name, frame.left, frame.top, frame.right, frame.bottom
        )
        self._draw_best_single()
        self._draw_zero_router()
        # Routers last, so that they are on top.
        for row in sorted(self.results.distinct, key=lambda row: self.styles[row.name].routes):
            if self.styles[row.name].has_curve:
                self._draw_curve(row)
            self._add_main_point(row)
        for spot, rows in self.rows_at.items():
            row, names = self._first(rows), ", ".join(row.name for row in rows)
            style = self.styles[row.name]
            self.drawing.marker(
                *spot, style.shape, style.colour, _described(names, row), radius=4.5
            )
        self._draw_labels()
        return self.drawing

    def _spot(self, point: Point) -> Spot:
        return self.across(1000 * point.cost_usd), self.up(point.accuracy)

    def _draw_axes(self) -> None:
        """Draw grid, ticks and titles."""
        drawing, frame = self.drawing, self.frame
        for value in self.up.ticks(8):
            if 0 <= value <= 1:  # beyond, there is only the margin of the frame
                y = self.up(value)
                drawing.line([(frame.left, y), (frame.right, y)], "grid")
                drawing.text(frame.left - 6, y + 4, f"{value:g}", "quiet", anchor="end")
        for value in self.across.ticks(int((frame.right - frame.left) / 55)):
            x = self.across(value)
            drawing.line([(x, frame.top), (x, frame.bottom)], "grid")
            drawing.text(x, frame.bottom + 16, f"${compact(value)}", "quiet", anchor="middle")
        drawing.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], "quiet")
        drawing.text(frame.left, frame.top - 10, "accuracy", "quiet")
        logarithmic = "" if isinstance(self.across, Linear) else ", logarithmic"
        title = f"US dollars per 1,000 questions{logarithmic}"
        middle = (frame.left + frame.right) / 2
        drawing.text(middle, frame.bottom + 36, title, "quiet", anchor="middle")

    def _draw_best_single(self) -> None:
        """Draw dotted lines through the best single model."""
        if self.results.best is None:
            return
        x, y = self._spot(self.results.best)
        frame = self.frame
        for ends in ([(frame.left, y), (frame.right, y)], [(x, frame.top), (x, frame.bottom)]):
            self.drawing.line(ends, "quiet", dash="1 4", clip=self.clip)

    def _draw_zero_router(self) -> None:
        """Draw what mixtures of single models reach."""
        has_zero = getattr(self.across, "zero", 0.0) is not None
        spots = [
            (self.across(cost), self.up(accuracy))
            for cost, accuracy in zero_router_curve(self.results)
            if cost > 0 or has_zero
        ]
        if len(spots) > 1:
            self.drawing.line(spots, "quiet", width=1.25, dash="6 4", clip=self.clip)
            self.line_points += spots

    def _draw_curve(self, row: Row) -> None:
        """Draw all levels of a row, joined by a line."""
        style = self.styles[row.name]
        spots = sorted(map(self._spot, row.curve))
        width, opacity, radius = (1.75, None, 2.2) if style.routes else (1.0, 0.6, 1.6)
        self.drawing.line(spots, style.colour, width=width, opacity=opacity, clip=self.clip)
        self.line_points += _along(spots)
        for point in row.curve:
            if style.routes:
                self._draw_interval(point, style.colour, opacity=0.35)
            if self.window.shows(point):
                title = _described(f"{row.name} at {point.setting}", point)
                spot = self._spot(point)
                self.drawing.marker(*spot, style.shape, style.colour, title, radius=radius)
                self.small_points.append(spot)

    def _add_main_point(self, row: Row) -> None:
        """Draw the interval of a row, and note where its main point goes."""
        if not self.window.shows(row):
            return
        style, spot = self.styles[row.name], self._spot(row)
        self._draw_interval(row, style.colour, opacity=0.9, width=1.75 if style.routes else 1)
        if row.ci95 is not None:
            self.line_points += _along([(spot[0], self.up(bound)) for bound in row.ci95])
        self.rows_at.setdefault(_rounded(spot), []).append(row)

    def _draw_interval(
        self, point: Point, colour: str, *, opacity: float, width: float = 1
    ) -> None:
        if point.ci95 is not None:
            x = self.across(1000 * point.cost_usd)
            ends = [(x, self.up(bound)) for bound in point.ci95]
            self.drawing.line(ends, colour, width=width, opacity=opacity, clip=self.clip)

    def _draw_labels(self) -> None:
        """Label the main points; labels without room go below the plot."""
        best = self.results.best
        best_spot = None if best is None else _rounded(self._spot(best))
        spots = sorted(
            self.rows_at,
            key=lambda spot: (spot != best_spot, min(map(self._rank, self.rows_at[spot]))),
        )
        labels = [(self._label(self.rows_at[spot]), spot) for spot in spots]
        frame = self.frame
        places = place_labels(
            labels,
            Box(frame.left + 2, frame.top, frame.right, frame.bottom - 2),
            self.small_points,
            self.line_points,
            size=self.drawing.size,
            reach=72.0 if self.narrow else math.inf,
        )
        unplaced = []
        for (text, spot), place in zip(labels, places, strict=True):
            rows = self.rows_at[spot]
            row = self._first(rows)
            style = self.styles[row.name]
            if place is None:
                if not self.narrow or style.has_curve or style.routes or spot == best_spot:
                    unplaced.append((text, row))
                continue
            colour = style.colour if style.routes and len(rows) == 1 else "ink"
            colour = "oracle" if row.kind == "oracle" else colour
            if place.far:
                self.drawing.line([place.point, place.end], "quiet", width=0.75, opacity=0.7)
            self.drawing.text(place.x, place.y, text, colour, anchor=place.anchor, halo=True)
        self._list_below(unplaced)

    def _list_below(self, items: Sequence[tuple[str, Row]]) -> None:
        """List labels that found no place below the plot, with the figures that identify their points."""
        left, y = self.frame.left + 5, self.foot + 12
        x = left
        for name, row in items:
            text = f"{name}: {row.accuracy:.3f} at ${compact(1000 * row.cost_usd)}"
            width = 12 + LETTER_WIDTH * self.drawing.size * len(text)
            if x + width > self.frame.right and x > left:
                x, y = left, y + 1.5 * self.drawing.size
            style = self.styles[row.name]
            title = _described(row.name, row)
            self.drawing.marker(x, y - 4, style.shape, style.colour, title, radius=4.5)
            self.drawing.text(x + 10, y, text)
            x += width + 12
            self.drawing.height = y + 8

    def _label(self, rows: Sequence[Row]) -> str:
        """The names of the rows that share a spot, the most important first, as many as fit."""
        in_full = not self.narrow and len(rows) == 1
        names = [
            shortened(row.name if in_full else one_name(row.name), _LONGEST_NAME)
            for row in sorted(rows, key=self._rank)
        ]
        kept = names[:1]
        for name in names[1:]:
            longest = _LONGEST_NAME if self.narrow else 2 * _LONGEST_NAME
            if len(", ".join((*kept, name))) <= longest:
                kept.append(name)
        omitted = len(names) - len(kept)
        return ", ".join(kept) + (f" and {omitted} more" if omitted else "")

    def _rank(self, row: Row) -> tuple[int, float]:
        """The order in which rows are labelled: routers, well-known baselines, others; the most accurate first."""
        style = self.styles[row.name]
        names = row.name.split(NAME_SEPARATOR)
        known = row.kind == "oracle" or any(name.startswith(_LABELLED_FIRST) for name in names)
        group = 0 if style.routes else 1 if known else 2 if style.has_curve else 3
        return group, -row.accuracy

    def _first(self, rows: Sequence[Row]) -> Row:
        return min(rows, key=self._rank)


def zero_router_curve(results: Results) -> Iterator[tuple[float, float]]:
    """Points along the curve of mixed single models: what a router reaches without looking at the question.

    Yields:
        Dollars per 1,000 questions, and accuracy.
    """
    singles = {row.name: (row.cost_usd, row.accuracy) for row in results.singles}
    if len(singles) < 2:
        return
    mixed = [singles[name] for name in results.mixed_singles]
    points = (through(mixed) if mixed else hull(singles.values())).points
    for first, second in itertools.pairwise(points):
        for step in range(_STEPS):
            cost, accuracy = interpolate(first, second, step / _STEPS)
            yield 1000 * cost, accuracy
    yield 1000 * points[-1][0], points[-1][1]
    yield 1000 * max(row.cost_usd for row in results.rows), points[-1][1]


def _along(spots: Sequence[Spot]) -> Iterator[Spot]:
    """Points along a line, about eight pixels apart."""
    for (x0, y0), (x1, y1) in itertools.pairwise(spots):
        steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / 8))
        for step in range(steps):
            yield x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps


def _rounded(spot: Spot) -> Spot:
    return round(spot[0], 1), round(spot[1], 1)


def _described(name: str, point: Point) -> str:
    interval = "" if point.ci95 is None else " [{:.3f}, {:.3f}]".format(*point.ci95)
    return f"{name}: accuracy {point.accuracy:.3f}{interval}, ${compact(1000 * point.cost_usd)} per 1,000 questions"
