"""Names beside the points of a plot that cover neither each other nor a point.

Greedy: the labels come in order of importance, and each takes the best free place around its own point, and never around another one; what stands at a
distance has a line that leads to the point and crosses no name and no other point that has one. Lines may run under a name, at a price.
All are placed again with the one earlier whose place was the worst, and the best of these tries stands. A name that found no place is left out,
and the caller says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from router_r1_eval.report.read import BEST, SAME

Spot = tuple[float, float]

_DISTANCES = (8.0, 14.0, *(24.0 + 13 * step for step in range(18)))
_DIRECTIONS = (
    *((1, 0), (-1, 0), (0, -1), (0, 1)),
    *(
        (right * across, under * down)
        for across, down in ((0.8, 0.7), (0.95, 0.35), (0.45, 0.9), (0.2, 1.0))
        for under in (-1, 1)
        for right in (1, -1)
    ),
)
_UNDER_LINE = 3.0  # what a piece of a line under a name costs, in pixels of distance
_UNCLEAR = 14.0  # what it costs that another named point is about as near, and not far
_NEARLY, _BESIDE = 6.0, 28.0  # pixels
_TRIES = 16  # with the worst one earlier
_GOOD = 20.0  # what a place may cost that needs no other try
_CLEAR = 4.0  # pixels between a line to a point and other points
LETTER = 0.56
"""Mean width of a letter in sizes of the font; a little more than most fonts without serifs take."""


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, spot: Spot, radius: float) -> Box:
        """A square about a point."""
        x, y = spot
        return cls(x - radius, y - radius, x + radius, y + radius)

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, spot: Spot) -> bool:
        """Whether a point is inside."""
        return self.left <= spot[0] <= self.right and self.top <= spot[1] <= self.bottom

    def nearest(self, spot: Spot) -> Spot:
        """The point of it that is nearest to another point."""
        return min(max(spot[0], self.left), self.right), min(max(spot[1], self.top), self.bottom)

    def gap(self, spot: Spot) -> float:
        """How far it is from a point."""
        return math.dist(self.nearest(spot), spot)

    def within(self, frame: Box) -> bool:
        """Whether it is inside another one."""
        return (
            frame.left <= self.left
            and frame.top <= self.top
            and self.right <= frame.right
            and self.bottom <= frame.bottom
        )


@dataclass(frozen=True)
class Placed:
    """Where a name stands."""

    x: float
    y: float
    """Of the base line."""
    anchor: Literal["start", "middle", "end"]
    box: Box
    point: Spot
    """What it names."""
    far: bool
    """Whether a line should lead to it."""

    @property
    def end(self) -> Spot:
        """Where that line ends: on the edge of the name."""
        return self.box.nearest(self.point)

    def leader(self) -> list[Spot]:
        """Points along that line, some three pixels apart; empty where there is none."""
        if not self.far:
            return []
        (x0, y0), (x1, y1) = self.point, self.end
        steps = max(2, int(self.box.gap(self.point) / 3))
        return [
            (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps)
            for step in range(1, steps)
        ]


def place(
    labels: Sequence[tuple[str, Spot]],
    frame: Box,
    points: Iterable[Spot] = (),
    lines: Sequence[Spot] = (),
    *,
    size: float = 12,
    radius: float = 5,
    reach: float = 60,
) -> list[Placed | None]:
    """Find a place for each label, or None.

    Args:
        labels: text and the point it names; the most important label first.
        frame: where labels may be.
        points: what no label may cover, besides the points that have names.
        lines: points along lines, which a label had better not cover.
        size: of the font, in pixels.
        radius: of a point.
        reach: how far from its point a name may be.
    """
    dots = [Box.around(point, radius) for point in (*(point for _, point in labels), *points)]

    def tried(order: Sequence[int]) -> list[_Found]:
        """Each label, in an order, at the best place that those before it have left; and what that costs."""
        found: list[_Found] = [(_missing(len(labels), n), None) for n in range(len(labels))]
        for number in order:
            placed = [spot for _, spot in found if spot is not None]
            others = [point for _, point in labels if point != labels[number][1]]
            best = _best(labels[number], others, placed, frame, dots, lines, size, reach)
            found[number] = best or found[number]
        return found

    order = list(range(len(labels)))
    least, chosen = math.inf, list[_Found]()
    for attempt in range(_TRIES if labels else 0):
        found = tried(order)
        total = math.fsum(cost for cost, _ in found)
        if total < least:
            least, chosen = total, found
        worst = max(order, key=lambda number: found[number][0])
        if found[worst][0] <= _GOOD:
            break
        at = order.index(worst)  # half the way to the front, and then all of it
        order.insert(at // 2 if attempt < _TRIES // 2 else 0, order.pop(at))
    return [spot for _, spot in chosen]


_Found = tuple[float, Placed | None]
"""What a place costs, and the place."""


def _missing(many: int, number: int) -> float:
    """What it costs to leave a name out: more than any place, and the more, the more important it is."""
    return 1000.0 + 100.0 * (many - number)


def _best(
    label: tuple[str, Spot],
    others: Sequence[Spot],
    placed: Sequence[Placed],
    frame: Box,
    dots: Sequence[Box],
    lines: Sequence[Spot],
    size: float,
    reach: float,
) -> _Found | None:
    """The best place that names which are `placed` have left; `others` are the points that they and the rest name."""
    text, point = label
    names = [other.box for other in placed]
    leaders = [dot for other in placed for dot in other.leader()]
    blocked = [*names, *(Box.around(other, _CLEAR) for other in others)]
    found: _Found | None = None
    for distance in _DISTANCES:
        if distance > reach or (found is not None and found[0] <= distance):
            break  # whatever is farther off costs more
        for spot in _around(text, point, distance, size):
            box, leader = spot.box, spot.leader()
            if (
                not box.within(frame)
                or any(map(box.overlaps, dots))
                or any(map(box.overlaps, names))
                or any(map(box.holds, leaders))
                or any(one.holds(dot) for one in blocked for dot in leader)
            ):
                continue
            cost = distance + _UNDER_LINE * sum(map(box.holds, lines))
            beside = min(box.gap(point) + _NEARLY, _BESIDE)
            cost += _UNCLEAR * sum(box.gap(other) < beside for other in others)
            if found is None or cost < found[0]:
                found = cost, spot
    return found


def _around(text: str, point: Spot, distance: float, size: float) -> Iterable[Placed]:
    width, height = LETTER * size * len(text), 1.1 * size
    for across, down in _DIRECTIONS:
        if not across and distance > _DISTANCES[1]:
            continue  # a line straight up or down would look like an interval
        x, y = point[0] + across * distance, point[1] + down * distance
        left = x if across > 0 else x - width if across < 0 else x - width / 2
        # Above and below, the distance is to the edge of the name and not to its middle.
        top = y - height / 2 + (down > 0) * height / 3 - (down < 0) * height / 3
        box = Box(left, top, left + width, top + height)
        anchor: Literal["start", "middle", "end"] = (
            "start" if across > 0 else "end" if across < 0 else "middle"
        )
        yield Placed(x, top + 0.82 * height, anchor, box, point, distance > _DISTANCES[0])


def brief(name: str) -> str:
    """One name of a row that has several: the best single model's, or the first."""
    names = name.split(SAME)
    return next((part for part in names if part.startswith(BEST)), names[0])


def shortened(name: str, most: int) -> str:
    """A name that is short enough: whole, or one of several, or its start."""
    if len(name) > most:
        name = brief(name)
    return name if len(name) <= most else name[: most - 1] + "…"
