"""Router-R1's reward as its authors published it (ulab-uiuc/Router-R1, `main_ppo.py` and `qa_em.py`), for comparison.

    invalid                -1
    valid, score 0          0
    valid, score s > 0     (1 - alpha) * s + alpha * c
    c = 1 - clip((r - lo) / (hi - lo), 0, 1),   r = sqrt(completion tokens * price per million)

with lo and hi the 5th and 95th percentile of the last 1,000 values of r, this one included. Not the default, because

- cost counts only in a right answer: a dear wrong answer is worth as much as a cheap one, and so is a dear failure;
- the window moves: equal episodes get other rewards from batch to batch, and the reward rises while nothing improves;
- below the 5th and above the 95th percentile the slope is zero;
- the window belongs to one process: two reward workers disagree.

Where the original holds the window in a global, it is a value here, that can be stored and carried. The cost is the
ledger's, prompt tokens and policy included; the original counts the candidates' completion tokens alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_LOW, _HIGH = 0.05, 0.95
_FLAT = 1e-8


@dataclass(frozen=True)
class CostWindow:
    """The costs that a cost is compared with: the last `size` of them."""

    roots: tuple[float, ...] = ()
    """Square roots of the costs in millionths of a dollar, oldest first."""
    size: int = 1000

    @classmethod
    def of(cls, costs_usd: Iterable[float], size: int = 1000) -> Self:
        """The window after these costs."""
        return cls(tuple(map(_root, costs_usd))[-size:], size)

    def seen(self, cost_usd: float) -> Self:
        """The window after one more cost; the original scales a cost after adding it."""
        return type(self)((*self.roots, _root(cost_usd))[-self.size :], self.size)

    def scale(self, cost_usd: float) -> float:
        """The cost as a reward between 0 (dear) and 1 (cheap); 1/2 where the window holds only one value, or none."""
        if not self.roots:
            return 0.5
        ordered = sorted(self.roots)
        low, high = _quantile(ordered, _LOW), _quantile(ordered, _HIGH)
        if high - low < _FLAT:
            return 0.5
        return 1.0 - min(1.0, max(0.0, (_root(cost_usd) - low) / (high - low)))


def published_reward(valid: bool, correct: float, cost_score: float, alpha: float) -> float:
    """Router-R1's reward of one episode; `cost_score` is what `CostWindow.scale` returned."""
    if not valid:
        return -1.0
    return (1 - alpha) * correct + alpha * cost_score if correct > 0 else 0.0


def _root(cost_usd: float) -> float:
    return math.sqrt(cost_usd * 1e6)


def _quantile(ordered: list[float], share: float) -> float:
    """Linear between neighbours, as `numpy.percentile` has it."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
