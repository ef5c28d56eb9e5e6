"""Cost and quality: what a set of routers reaches at every cost, and what one number says about it.

A point is (dollars per question, quality). Two routers can be mixed at random, so every point between two points is reached; spending more than the dearest
gains nothing; spending less than the cheapest means to leave questions unanswered, at quality 0.

    interpolate   what mixing two routers reaches
    Curve         the straight lines between neighbours: quality at a cost, cost of a quality, mean height
    hull          non-decreasing convex hull: the most that mixing reaches at each cost
    corners       which routers lie on it
    through       the curve of routers that were chosen elsewhere: corners that are chosen on the questions they are measured on flatter a router with
                  many settings, so `corners` is for validation questions and `through` for the test
    zero router   the curve of the single models: the best that can be done without looking at a question
    AIQ           average improvement in quality: the mean height of a curve over a range of cost; of a hull in RouterBench (arXiv:2403.12031),
                  whose code computes another figure: `routerbench_aiq`
    arena score   one number for accuracy and cost (RouterArena)
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
    """The router that asks `second` with this probability, and `first` otherwise."""
    # In this form either end is exact, however far apart the two are.
    return (
        (1 - share) * first[0] + share * second[0],
        (1 - share) * first[1] + share * second[1],
    )


@dataclass(frozen=True)
class Curve:
    """Quality over cost, in straight lines; from nothing at no cost, and level after the last point."""

    points: tuple[Point, ...]
    """One or more, strictly rising in cost."""

    def at(self, cost: float) -> float:
        """The quality that is reached at this cost. Raises `ValueError` for a negative cost."""
        if cost < 0:
            raise ValueError(f"a cost is 0 or more, got {cost}")
        for left, right in itertools.pairwise(self._from_nothing()):
            if cost <= right[0]:
                return interpolate(left, right, (cost - left[0]) / (right[0] - left[0]))[1]
        return self.points[-1][1]

    def cost_of(self, quality: float) -> float | None:
        """The least cost at which this quality is reached; None where it never is."""
        points = self._from_nothing()
        if quality <= points[0][1]:
            return points[0][0]
        for left, right in itertools.pairwise(points):
            if quality <= right[1]:  # and above the left one, or it would have been reached before
                return interpolate(left, right, (quality - left[1]) / (right[1] - left[1]))[0]
        return None

    def mean(self, low: float, high: float) -> float:
        """AIQ: the mean quality over costs from `low` to `high`.

        Raises:
            ValueError: an empty range.
        """
        if not 0 <= low < high:
            raise ValueError(f"expected 0 <= low < high, got {low} and {high}")
        inner = [c for c, _ in self._from_nothing() if low < c < high]
        costs = [low, *inner, high]
        return float(np.trapezoid([self.at(c) for c in costs], costs)) / (high - low)

    def _from_nothing(self) -> tuple[Point, ...]:
        """With the router that answers nothing, which is free."""
        return self.points if self.points[0][0] == 0 else ((0.0, 0.0), *self.points)


def through(points: Iterable[Point]) -> Curve:
    """The curve through all of these; of some that cost the same, through the last one.

    Raises:
        ValueError: no points, or one with a negative or unknown cost or quality.
    """
    return Curve(tuple(sorted(dict(_checked(points)).items())))


def hull(points: Iterable[Point]) -> Curve:
    """The non-decreasing convex hull of some routers: its points rise in quality too, and it bends down.

    Raises:
        ValueError: no points, or one with a negative or unknown cost or quality.
    """
    return Curve(tuple(_bent([(0.0, 0.0)], points)[1:]))


def routerbench_aiq(points: Iterable[Point], dearest: float) -> float:
    """AIQ as RouterBench's code computes it, to compare with what is published: the area under a hull, over the largest cost of all routers compared.

    The hull begins at the router's own cheapest point, even where leaving questions unanswered would be better, and is level from its highest one to
    `dearest`; nothing counts below the cheapest. So of two routers with the same hull the one whose settings begin at a lower cost has more.

    Raises:
        ValueError: as `hull`, or if a corner costs more than `dearest`, or that is 0.
    """
    found = _bent([], points)
    if not dearest > 0 or found[-1][0] > dearest:
        raise ValueError(f"expected the largest cost of all routers, above 0, got {dearest}")
    costs, qualities = zip(*found, (dearest, found[-1][1]), strict=True)
    return float(np.trapezoid(qualities, costs)) / dearest


def _bent(start: list[Point], points: Iterable[Point]) -> list[Point]:
    """`start` and the corners of the non-decreasing convex hull to the right of it."""
    found = list(start)
    for cost, quality in sorted(_checked(points), key=lambda point: (point[0], -point[1])):
        if len(found) > len(start) and quality <= found[-1][1]:
            continue  # dearer and no better
        while len(found) > max(1, len(start)) and not _bends_down(found, (cost, quality)):
            found.pop()
        found.append((cost, quality))
    return found


def corners(points: Mapping[str, Point]) -> list[str]:
    """The names of the routers that are points of the hull, by cost; of equal ones the first.

    Raises:
        ValueError: as `hull`.
    """
    names = {point: name for name, point in reversed(list(points.items()))}
    return [names[point] for point in hull(points.values()).points]


def _checked(points: Iterable[Point]) -> list[Point]:
    points = list(points)
    if not points:
        raise ValueError("a curve needs points")
    if any(not (c >= 0 and q >= 0 and math.isfinite(c + q)) for c, q in points):
        raise ValueError("costs and qualities are numbers of 0 or more")
    return points


def _bends_down(corners: Sequence[Point], last: Point) -> bool:
    """Whether the way over the last corner is above the straight one from the corner before it."""
    (c0, q0), (c1, q1) = corners[-2:]
    return (q1 - q0) * (last[0] - c0) > (last[1] - q0) * (c1 - c0)


def arena_score(
    accuracy: float,
    usd_per_1000: float,
    *,
    dearest: float = 200.0,
    cheapest: float = 0.0044,
    beta: float = 0.1,
) -> float:
    """RouterArena's score of accuracy [0, 1] and dollars per 1,000 questions: a weighted harmonic mean of accuracy and log cost.

    `C = (log2 dearest - log2 cost) / (log2 dearest - log2 cheapest)` within 0..1, `S = (1 + beta) A C / (beta A + C)`.

    Raises:
        ValueError: an accuracy outside 0..1, or a negative cost.
    """
    if not 0 <= accuracy <= 1 or usd_per_1000 < 0:
        raise ValueError(
            f"expected an accuracy in 0..1 and a cost, got {accuracy} and {usd_per_1000}"
        )
    inside = min(dearest, max(cheapest, usd_per_1000))
    cheap = math.log2(dearest / inside) / math.log2(dearest / cheapest)
    below = beta * accuracy + cheap
    return (1 + beta) * accuracy * cheap / below if below else 0.0
