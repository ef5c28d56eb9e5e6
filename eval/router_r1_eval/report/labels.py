"""Placement of labels beside the points of a plot, so that they cover neither each other nor a point.

The placement is greedy: labels come in order of importance, and each takes the best free place around its own point. A
label at a distance has a leader line to its point, which crosses no label and no other labelled point. Labels may cover
lines of the plot, at a cost. All labels are then placed again with the worst-placed one earlier in the order, and the
best of these attempts is kept. A label without a free place is left out; the caller decides where to show it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

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
# Costs of a place, in pixels of distance.
_LINE_COST = 3.0  # for each piece of a line that the label covers
_AMBIGUITY_COST = 14.0  # for each other labelled point that is about as near
_ACCEPTABLE_COST = 20.0  # no further attempt if no label costs more
# "About as near": at most this many pixels farther than the label's own point, and within the second distance.
_AMBIGUOUS_MARGIN, _AMBIGUOUS_REACH = 6.0, 28.0
_ATTEMPTS = 16
_LEADER_CLEARANCE = 4.0  # pixels between a leader line and other points
LETTER_WIDTH = 0.56
"""Mean width of a letter as a share of the font size; slightly more than in most sans-serif fonts."""


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels from the top left corner of the drawing."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, spot: Spot, radius: float) -> Box:
        """A square around a point."""
        x, y = spot
        return cls(x - radius, y - radius, x + radius, y + radius)

    def overlaps(self, other: Box) -> bool:
        """Whether the two boxes share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def contains(self, spot: Spot) -> bool:
        """Whether a point is inside."""
        return self.left <= spot[0] <= self.right and self.top <= spot[1] <= self.bottom

    def nearest(self, spot: Spot) -> Spot:
        """The point of the box that is nearest to another point."""
        return min(max(spot[0], self.left), self.right), min(max(spot[1], self.top), self.bottom)

    def gap(self, spot: Spot) -> float:
        """Distance to a point."""
        return math.dist(self.nearest(spot), spot)

    def within(self, frame: Box) -> bool:
        """Whether the box is inside another one."""
        return (
            frame.left <= self.left
            and frame.top <= self.top
            and self.right <= frame.right
            and self.bottom <= frame.bottom
        )


@dataclass(frozen=True)
class PlacedLabel:
    """Where a label is."""

    x: float
    y: float
    """The base line of the text."""
    anchor: Literal["start", "middle", "end"]
    box: Box
    point: Spot
    """The point that it labels."""
    far: bool
    """Whether it needs a leader line."""

    @property
    def end(self) -> Spot:
        """Where the leader line ends: on the edge of the label."""
        return self.box.nearest(self.point)

    def leader(self) -> list[Spot]:
        """Points along the leader line, about three pixels apart; empty if there is none."""
        if not self.far:
            return []
        (x0, y0), (x1, y1) = self.point, self.end
        steps = max(2, int(self.box.gap(self.point) / 3))
        return [
            (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps)
            for step in range(1, steps)
        ]


def place_labels(
    labels: Sequence[tuple[str, Spot]],
    frame: Box,
    points: Iterable[Spot] = (),
    lines: Sequence[Spot] = (),
    *,
    size: float = 12,
    radius: float = 5,
    reach: float = 60,
) -> list[PlacedLabel | None]:
    """Find a place for each label.

    Args:
        labels: the text and the point that it labels; the most important label first.
        frame: the area where labels may be.
        points: further points that no label may cover.
        lines: points along lines, which a label should rather not cover.
        size: font size in pixels.
        radius: radius of the points.
        reach: largest distance between a label and its point.

    Returns:
        For each label its place, or None if there is none within reach.
    """
    dots = [Box.around(point, radius) for point in (*(point for _, point in labels), *points)]

    def place_in(order: Sequence[int]) -> list[_Candidate]:
        """Place the labels in this order, each at the best place that is left."""
        found: list[_Candidate] = [
            (_cost_of_omission(len(labels), n), None) for n in range(len(labels))
        ]
        for number in order:
            placed = [spot for _, spot in found if spot is not None]
            others = [point for _, point in labels if point != labels[number][1]]
            best = _best(labels[number], others, placed, frame, dots, lines, size, reach)
            found[number] = best or found[number]
        return found

    order = list(range(len(labels)))
    least, chosen = math.inf, list[_Candidate]()
    for attempt in range(_ATTEMPTS if labels else 0):
        found = place_in(order)
        total = math.fsum(cost for cost, _ in found)
        if total < least:
            least, chosen = total, found
        worst = max(order, key=lambda number: found[number][0])
        if found[worst][0] <= _ACCEPTABLE_COST:
            break
        at = order.index(worst)  # first halfway to the front, in later attempts to the very front
        order.insert(at // 2 if attempt < _ATTEMPTS // 2 else 0, order.pop(at))
    return [spot for _, spot in chosen]


_Candidate = tuple[float, PlacedLabel | None]
"""The cost of a place, and the place."""


def _cost_of_omission(labels: int, number: int) -> float:
    """The cost of leaving out a label: more than any place, and more for important labels."""
    return 1000.0 + 100.0 * (labels - number)


def _best(
    label: tuple[str, Spot],
    others: Sequence[Spot],
    placed: Sequence[PlacedLabel],
    frame: Box,
    dots: Sequence[Box],
    lines: Sequence[Spot],
    size: float,
    reach: float,
) -> _Candidate | None:
    """The cheapest free place for a label, or None.

    Args:
        label: its text and its point.
        others: the points of all other labels.
        placed: the labels that have a place already.
        frame: the area where labels may be.
        dots: boxes that no label may cover.
        lines: points along lines.
        size: font size.
        reach: largest distance to its point.
    """
    text, point = label
    boxes = [other.box for other in placed]
    leaders = [dot for other in placed for dot in other.leader()]
    blocked = [*boxes, *(Box.around(other, _LEADER_CLEARANCE) for other in others)]
    found: _Candidate | None = None
    for distance in _DISTANCES:
        if distance > reach or (found is not None and found[0] <= distance):
            break  # places farther away cost more
        for spot in _around(text, point, distance, size):
            box, leader = spot.box, spot.leader()
            if (
                not box.within(frame)
                or any(map(box.overlaps, dots))
                or any(map(box.overlaps, boxes))
                or any(map(box.contains, leaders))
                or any(one.contains(dot) for one in blocked for dot in leader)
            ):
                continue
            cost = distance + _LINE_COST * sum(map(box.contains, lines))
            beside = min(box.gap(point) + _AMBIGUOUS_MARGIN, _AMBIGUOUS_REACH)
            cost += _AMBIGUITY_COST * sum(box.gap(other) < beside for other in others)
            if found is None or cost < found[0]:
                found = cost, spot
    return found


def _around(text: str, point: Spot, distance: float, size: float) -> Iterable[PlacedLabel]:
    """The places at this distance, the preferred directions first."""
    width, height = LETTER_WIDTH * size * len(text), 1.1 * size
    for across, down in _DIRECTIONS:
        if not across and distance > _DISTANCES[1]:
            continue  # a line straight up or down would look like an interval
        x, y = point[0] + across * distance, point[1] + down * distance
        left = x if across > 0 else x - width if across < 0 else x - width / 2
        # Above and below, the distance is to the edge of the label and not to its middle.
        top = y - height / 2 + (down > 0) * height / 3 - (down < 0) * height / 3
        box = Box(left, top, left + width, top + height)
        anchor: Literal["start", "middle", "end"] = (
            "start" if across > 0 else "end" if across < 0 else "middle"
        )
        yield PlacedLabel(x, top + 0.82 * height, anchor, box, point, distance > _DISTANCES[0])
