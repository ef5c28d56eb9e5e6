"""Cost and quality: what a set of routers reaches at every cost, and what one number says about it.

A point is (dollars per question, quality). Two routers can be mixed at random, so every point between two points is reached; spending more than the dearest
gains nothing; spending less than the cheapest means to leave questions unanswered, at quality 0.

    hull          non-decreasing convex hull: what mixing reaches at each cost
    zero router   the hull of the single models: the best that can be done without looking at a question
    AIQ           average improvement in quality: the mean height of a hull over a range of cost (RouterBench, arXiv:2403.12031)
    arena score   one number for accuracy and cost (RouterArena)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
"""Dollars per question, quality."""


@dataclass(frozen=True)
class Hull:
    """A non-decreasing concave curve of quality over cost."""

    points: tuple[Point, ...]
    """Its corners, by cost; strictly rising in both."""

    def at(self, cost: float) -> float:
        """The quality that is reached at this cost. Raises `ValueError` for a negative cost."""
        if cost < 0:
            raise ValueError(f"a cost is 0 or more, got {cost}")
        costs, qualities = zip(*self._from_nothing(), strict=True)
        return float(np.interp(cost, costs, qualities))

    def cost_of(self, quality: float) -> float | None:
        """The least cost at which this quality is reached; None where it never is."""
        corners = self._from_nothing()
        if quality <= corners[0][1]:
            return corners[0][0]
        for (c0, q0), (c1, q1) in itertools.pairwise(corners):
            if quality <= q1:
                return c0 + (quality - q0) / (q1 - q0) * (c1 - c0)
        return None

    def mean(self, low: float, high: float) -> float:
        """AIQ: the mean quality over costs from `low` to `high`.

        RouterBench's code divides the same area by `high` instead of the width of the range: multiply by `(high - low) / high`.

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


def hull(points: Iterable[Point]) -> Hull:
    """The non-decreasing convex hull of some routers.

    Raises:
        ValueError: no points, or one with a negative or unknown cost or quality.
    """
    ordered = sorted(points, key=lambda point: (point[0], -point[1]))
    if not ordered:
        raise ValueError("a hull needs points")
    if any(not (c >= 0 and q >= 0 and math.isfinite(c + q)) for c, q in ordered):
        raise ValueError("costs and qualities are numbers of 0 or more")
    corners: list[Point] = []
    for cost, quality in ordered:
        if corners and quality <= corners[-1][1]:
            continue  # dearer and no better
        while corners and (not _bends_down([(0.0, 0.0), *corners], (cost, quality))):
            corners.pop()
        corners.append((cost, quality))
    return Hull(tuple(corners))


def _bends_down(corners: Sequence[Point], last: Point) -> bool:
    """Whether the way over the last corner is above the straight one from the corner before it."""
    (c0, q0), (c1, q1) = corners[-2:]
    return (q1 - q0) * (last[0] - c0) > (last[1] - q0) * (c1 - c0)


def interpolate(first: Point, second: Point, share: float) -> Point:
    """The router that asks `second` with this probability, and `first` otherwise."""
    # In this form either end is exact, however far apart the two are.
    return (
        (1 - share) * first[0] + share * second[0],
        (1 - share) * first[1] + share * second[1],
    )


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
