"""Names beside the points of a plot that cover neither each other nor a point.

Greedy: the labels come in order of importance, and each takes the nearest free place to one of its anchors; lines may run under a name, at a price.
What finds no place is left out, and the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from router_r1_eval.report.read import SAME

Spot = tuple[float, float]

_DISTANCES = (8.0, 15.0, 24.0, 36.0, 52.0)
_DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (0.8, -0.7), (0.8, 0.7), (-0.8, -0.7), (-0.8, 0.7))
_UNDER_LINE = 3.0  # what a piece of a line under a name costs, in pixels of distance
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


def place(
    labels: Sequence[tuple[str, Sequence[Spot]]],
    frame: Box,
    points: Iterable[Spot],
    lines: Sequence[Spot] = (),
    *,
    size: float = 12,
    radius: float = 5,
    reach: float = 60,
) -> list[Placed | None]:
    """Find a place for each label, or None.

    Args:
        labels: text and the points it may stand at; the most important label first, and its best point.
        frame: where labels may be.
        points: what no label may cover.
        lines: points along lines, which a label had better not cover.
        size: of the font, in pixels.
        radius: of a point.
        reach: how far from its point a name may be.
    """
    taken = [Box.around(point, radius) for point in points]
    found: list[Placed | None] = []
    for text, anchors in labels:
        tried = (
            (distance + 6 * rank + _UNDER_LINE * sum(map(spot.box.holds, lines)), number, spot)
            for rank, point in enumerate(anchors)
            for distance in _DISTANCES
            if distance <= reach
            for number, spot in enumerate(_around(text, point, distance, size))
            if spot.box.within(frame) and not any(map(spot.box.overlaps, taken))
        )
        best = min(tried, key=lambda item: item[:2], default=None)
        found.append(best[2] if best else None)
        if best:
            taken.append(best[2].box)
    return found


def _around(text: str, point: Spot, distance: float, size: float) -> Iterable[Placed]:
    width, height = LETTER * size * len(text), 1.1 * size
    for across, down in _DIRECTIONS:
        x, y = point[0] + across * distance, point[1] + down * distance
        left = x if across > 0 else x - width if across < 0 else x - width / 2
        # Above and below, the distance is to the edge of the name and not to its middle.
        top = y - height / 2 + (down > 0) * height / 3 - (down < 0) * height / 3
        box = Box(left, top, left + width, top + height)
        anchor: Literal["start", "middle", "end"] = (
            "start" if across > 0 else "end" if across < 0 else "middle"
        )
        yield Placed(x, top + 0.82 * height, anchor, box, point, distance > 20)


def shortened(name: str, most: int) -> str:
    """A name that is short enough: whole, or the first of several, or its start."""
    if len(name) > most:
        name = name.partition(SAME)[0]
    return name if len(name) <= most else name[: most - 1] + "…"
