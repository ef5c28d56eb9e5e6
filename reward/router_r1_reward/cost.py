"""How dollars become a penalty between 0 and 1.

    u(x) = x / (1 + x),   x = cost / reference

Strictly increasing, so of two equal answers the cheaper one is always better; below 1, so that no cost can make a
right answer worse than a wrong one; smooth, without a cap at which saving stops to pay and without a moving
normaliser. The slope is 1 / (1 + x)^2: 1 at no cost, 1/4 at the reference, 1/121 at ten times the reference. It
falls, but is nowhere zero: an episode that costs ten times too much still gains by costing less. `x / (1 + x)` and
not `1 - exp(-x)`, whose slope at ten references is 1/22000, and not `min(x, 1)`, whose slope there is 0.
"""

from __future__ import annotations

import math

from router_r1.errors import DataError


def penalty(cost_usd: float, reference_usd: float) -> float:
    """`u(cost / reference)`: 0 for nothing, 1/2 at the reference, towards 1 beyond.

    Raises:
        DataError: the cost is negative or no number, or the reference is not above 0.
    """
    if not (math.isfinite(cost_usd) and cost_usd >= 0):
        raise DataError(
            f"a cost is a number of dollars >= 0, found {cost_usd}; check the prices and the ledger"
        )
    if not (math.isfinite(reference_usd) and reference_usd > 0):
        raise DataError(f"the reference cost is a number of dollars > 0, found {reference_usd}")
    return cost_usd / (reference_usd + cost_usd)
