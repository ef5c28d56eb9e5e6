"""Cost and quality: what a set of routers reaches at each cost, and single numbers for that.

A point is (dollars per question, quality). Mixing two routers at random reaches every point between them. Spending more
than the most expensive router gains nothing; spending less than the cheapest means leaving questions unanswered, at
quality 0.

    interpolate       the point that a mix of two routers reaches
    Curve             straight lines between neighbours: quality at a cost, cost of a quality, mean height
    hull              the non-decreasing convex hull: the most that mixing reaches at each cost
    corners           the routers on the hull
    through           the curve of given routers. Corners flatter a router with many settings if they are chosen on the
                      questions they are measured on: choose `corners` on validation questions, and take the curve
                      `through` them on test questions
    routerbench_aiq   AIQ as RouterBench's code computes it
    arena_score       RouterArena's single number for accuracy and cost

RouterBench (arXiv:2403.12031) defines AIQ, the average improvement in quality, as the mean height of a hull over a
range of cost (`Curve.mean`), and the zero router as the curve of the single models, which never looks at a question.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
"""Dollars per question, quality."""


def interpolate(first: Point, second: Point, share: float) -> Point:
    """The point of a router that asks `second` with probability `share`, and `first` otherwise.

    Args:
        first: a point.
        second: a point.
        share: 0 to 1.
    """
    # This form is exact at both ends, however far apart they are.
    return (
        (1 - share) * first[0] + share * second[0],
        (1 - share) * first[1] + share * second[1],
    )


@dataclass(frozen=True)
class Curve:
    """Quality over cost, in straight lines: from (0, 0) to the first point, and level after the last one."""

    points: tuple[Point, ...]
    """One or more, strictly rising in cost."""

    def at(self, cost: float) -> float:
        """The quality at this cost. Raises `ValueError` for a negative cost."""
        if cost < 0:
            raise ValueError(f"expected a cost of 0 or more, got {cost}")
        for left, right in itertools.pairwise(self._with_origin()):
            if cost <= right[0]:
                return interpolate(left, right, (cost - left[0]) / (right[0] - left[0]))[1]
        return self.points[-1][1]

    def cost_of(self, quality: float) -> float | None:
        """The lowest cost that reaches this quality; None if none does."""
        points = self._with_origin()
        if quality <= points[0][1]:
            return points[0][0]
        for left, right in itertools.pairwise(points):
            if quality <= right[1]:  # and above the left one, where the loop would have ended
                return interpolate(left, right, (quality - left[1]) / (right[1] - left[1]))[0]
        return None

    def mean(self, low: float, high: float) -> float:
        """The mean quality over costs from `low` to `high`; for a hull, RouterBench's AIQ.

        Raises:
            ValueError: the range is empty.
        """
        if not 0 <= low < high:
            raise ValueError(f"expected 0 <= low < high, got {low} and {high}")
        inner = [c for c, _ in self._with_origin() if low < c < high]
        costs = [low, *inner, high]
        return float(np.trapezoid([self.at(c) for c in costs], costs)) / (high - low)

    def _with_origin(self) -> tuple[Point, ...]:
        """The points, with the router that answers nothing for free."""
        return self.points if self.points[0][0] == 0 else ((0.0, 0.0), *self.points)


def through(points: Iterable[Point]) -> Curve:
    """The curve through all of these points; where several have the same cost, through the last of them.

    Raises:
        ValueError: no points, or a cost or quality that is negative or not finite.
    """
    return Curve(tuple(sorted(dict(_checked(points)).items())))


def hull(points: Iterable[Point]) -> Curve:
    """The non-decreasing convex hull of some routers: quality rises with cost, ever more slowly.

    Raises:
        ValueError: no points, or a cost or quality that is negative or not finite.
    """
    return Curve(tuple(_hull_points([(0.0, 0.0)], points)[1:]))


def routerbench_aiq(points: Iterable[Point], max_cost: float) -> float:
    """AIQ as RouterBench's code computes it, for comparison with published figures: the area under a hull / `max_cost`.

    Unlike `hull`, this one starts at the router's own cheapest point, even if leaving questions unanswered would be
    better; the area below that cost is 0. From its last point to `max_cost` it is level. So if two routers have the
    same hull, the one with the cheaper first setting has the higher AIQ.

    Args:
        points: the settings of one router.
        max_cost: the largest cost of all routers compared, in dollars per question.

    Raises:
        ValueError: as `hull`; or `max_cost` is 0, or below the cost of a corner.
    """
    found = _hull_points([], points)
    if not max_cost > 0 or found[-1][0] > max_cost:
        raise ValueError(f"expected the largest cost of all routers, above 0, got {max_cost}")
    costs, qualities = zip(*found, (max_cost, found[-1][1]), strict=True)
    return float(np.trapezoid(qualities, costs)) / max_cost


def _hull_points(start: list[Point], points: Iterable[Point]) -> list[Point]:
    """`start`, and the corners of the non-decreasing convex hull to the right of it."""
    found = list(start)
    for cost, quality in sorted(_checked(points), key=lambda point: (point[0], -point[1])):
        if len(found) > len(start) and quality <= found[-1][1]:
            continue  # more expensive and no better
        while len(found) > max(1, len(start)) and not _bends_down(found, (cost, quality)):
            found.pop()
        found.append((cost, quality))
    return found


def corners(points: Mapping[str, Point]) -> list[str]:
    """The names of the routers on the hull, in order of cost; where several share a point, only the first of them.

    Raises:
        ValueError: as `hull`.
    """
    names = {point: name for name, point in reversed(list(points.items()))}
    return [names[point] for point in hull(points.values()).points]


def _checked(points: Iterable[Point]) -> list[Point]:
    points = list(points)
    if not points:
        raise ValueError("a curve needs points, got none")
    if any(not (c >= 0 and q >= 0 and math.isfinite(c + q)) for c, q in points):
        raise ValueError(
            f"expected costs and qualities that are numbers of 0 or more, got {points}"
        )
    return points


def _bends_down(corners: Sequence[Point], last: Point) -> bool:
    """Whether the last corner is above the straight line from the corner before it to `last`."""
    (c0, q0), (c1, q1) = corners[-2:]
    return (q1 - q0) * (last[0] - c0) > (last[1] - q0) * (c1 - c0)


def arena_score(
    accuracy: float,
    usd_per_1000: float,
    *,
    max_usd: float = 200.0,
    min_usd: float = 0.0044,
    beta: float = 0.1,
) -> float:
    """RouterArena's score (arXiv:2510.00202): a weighted harmonic mean of accuracy and log cost.

    `C = (log2 max_usd - log2 cost) / (log2 max_usd - log2 min_usd)`, clipped to 0..1;
    `S = (1 + beta) A C / (beta A + C)`.

    Args:
        accuracy: A, 0 to 1.
        usd_per_1000: dollars per 1,000 questions.
        max_usd: the cost at which C is 0.
        min_usd: the cost at which C is 1.
        beta: the weight of cost; 0 leaves the accuracy alone.

    Raises:
        ValueError: an accuracy outside 0..1, or a negative cost.
    """
    if not 0 <= accuracy <= 1 or usd_per_1000 < 0:
        raise ValueError(
            f"expected an accuracy in 0..1 and a cost of 0 or more, got {accuracy} and {usd_per_1000}"
        )
    clipped = min(max_usd, max(min_usd, usd_per_1000))
    cheap = math.log2(max_usd / clipped) / math.log2(max_usd / min_usd)
    below = beta * accuracy + cheap
    return (1 + beta) * accuracy * cheap / below if below else 0.0
