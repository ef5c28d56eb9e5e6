"""The penalty for cost: maps dollars to a number between 0 and 1.

    u(x) = x / (1 + x),   x = cost / reference

u is strictly increasing, so of two equal answers the cheaper one is always better. It is below 1, so no cost makes a
right answer worse than a wrong one. There is no cap beyond which saving stops paying off, and no moving normaliser.

Its slope is 1 / (1 + x)^2: 1 at no cost, 1/4 at the reference, 1/121 at ten times the reference. So an episode at ten
times the reference still gains by costing less. The alternatives are flatter there: the slope of 1 - exp(-x) is
1/22000, that of min(x, 1) is 0.
"""

from __future__ import annotations

import math

from router_r1.errors import DataError


def penalty(cost_usd: float, reference_usd: float) -> float:
    """u(cost / reference): 0 at no cost, 1/2 at the reference, towards 1 beyond.

    Raises:
        DataError: the cost is negative or not finite, or the reference is not above 0 and finite.
    """
    if not (math.isfinite(cost_usd) and cost_usd >= 0):
        raise DataError(
            f"the cost must be a number of dollars >= 0, found {cost_usd}; check the prices and the ledger"
        )
    if not (math.isfinite(reference_usd) and reference_usd > 0):
        raise DataError(
            f"the reference cost must be a number of dollars > 0, found {reference_usd}"
        )
    return cost_usd / (reference_usd + cost_usd)
