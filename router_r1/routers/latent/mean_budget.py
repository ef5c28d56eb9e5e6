"""Choosing under a mean budget: as good as can be predicted, for at most so many dollars a question on average."""

from __future__ import annotations

import itertools

from router_r1.errors import ConfigError
from router_r1.routers.libraries import Floats, Ints, np


def within_budget(scores: Floats, costs: Floats, budget: float) -> Ints:
    """The choice for each question that has a high sum of scores and costs at most `budget` a question on average.

    Every question starts at its cheapest model. Then it moves up the concave hull of its (cost, score) points, steps
    with the most score per dollar first, as long as money is left (Sinha and Zoltners 1979, for the knapsack with one
    choice of each class). The sum of scores misses the highest possible one by less than the last step that did not
    fit.

    Args:
        scores: [n, m] predicted scores.
        costs: [n, m] predicted dollars, 0 or more.
        budget: mean dollars of a question, 0 or more.

    Returns:
        [n] columns.

    Raises:
        ConfigError: the cheapest model of each question costs more than that, or `budget` is negative or NaN.
    """
    if not budget >= 0:
        raise ConfigError(f"budget must be dollars of 0 or more, got {budget}")
    hulls = [_hull(s, c) for s, c in zip(scores, costs, strict=True)]
    chosen: Ints = np.array([hull[0] for hull in hulls], dtype=np.int64)
    rows = np.arange(len(scores))
    left = budget * len(scores) - costs[rows, chosen].sum()
    if left < -1e-12 * len(scores):
        raise ConfigError(
            f"budget ${budget:g} a question: the cheapest choices cost ${costs.min(1).mean():g} on average; "
            f"give at least that"
        )
    steps = [
        (-(scores[i, b] - scores[i, a]) / max(costs[i, b] - costs[i, a], 1e-300), i, place, a, b)
        for i, hull in enumerate(hulls)
        for place, (a, b) in enumerate(itertools.pairwise(hull))
    ]
    for _, i, _, a, b in sorted(steps):
        price = costs[i, b] - costs[i, a]
        if chosen[i] == a and price <= left:
            chosen[i] = b
            left -= price
    return chosen


def _hull(scores: Floats, costs: Floats) -> list[int]:
    """The columns on the upper concave hull of a question, cheapest first, each better than the one before."""
    hull: list[int] = []
    for j in np.lexsort((-scores, costs)).tolist():
        if hull and scores[j] <= scores[hull[-1]]:
            continue
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            earlier = (scores[b] - scores[a]) * (costs[j] - costs[b])
            if earlier > (scores[j] - scores[b]) * (costs[b] - costs[a]):
                break
            hull.pop()
        hull.append(j)
    return hull
