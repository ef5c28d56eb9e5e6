"""A strong model and a weak one: what a score that says "this one needs the strong" is worth, at every share of strong calls.

    PGR(c)   performance gap recovered: (r(c) - r(weak)) / (r(strong) - r(weak)), at share c of calls to the strong model
    APGR     its average over c in [0, 1]; random order has 0.5
    CPT(x)   call-performance threshold: the smallest share c whose PGR reaches x

as in RouteLLM (arXiv:2406.18665), but exact: over every share, not ten bins; questions with equal scores in expectation over their orders; and
CPT where the curve, straight between shares, first reaches x, since a PGR that falls again has several shares for one x.

APGR is not bounded by 1: a router can be better than the strong model. `oracle_order` is the ceiling of a table; print both. `Between` has these for the rows of a tournament.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from router_r1_envs.worlds.recorded_world.arrays import Grid
    from router_r1_envs.worlds.recorded_world.runs import Method, Run
    from router_r1_envs.worlds.recorded_world.world import RecordedWorld

Floats = NDArray[np.float64]

RECOVERED = (0.5, 0.8)
"""Parts of the gap between two models for which the share of calls to the stronger one is stated (CPT)."""


@dataclass(frozen=True)
class Gap:
    """The curve of one order of n questions."""

    share: Floats
    """[k] shares of calls to the strong model, from 0 to 1."""
    pgr: Floats
    """[k] the gap recovered there."""

    @property
    def apgr(self) -> float:
        """Average gap recovered: the area under the curve."""
        return float(np.trapezoid(self.pgr, self.share))

    def cpt(self, recovered: float) -> float | None:
        """The smallest share of strong calls that recovers this part of the gap; None where none does."""
        reached = np.flatnonzero(self.pgr >= recovered)
        if not len(reached):
            return None
        place = int(reached[0])
        if place == 0:
            return float(self.share[0])
        low, high = self.pgr[place - 1], self.pgr[place]  # below, and not below
        part = (recovered - low) / (high - low)
        return float(self.share[place - 1] + part * (self.share[place] - self.share[place - 1]))


def gap(weak: Floats, strong: Floats, order: Floats) -> Gap:
    """The curve of a router between two models.

    Args:
        weak, strong: [n] quality of each model's answer to each question.
        order: [n] how much each question needs the strong model; only the order counts.

    Raises:
        ValueError: other shapes, no questions, or two models of the same mean quality, between which there is no gap.
    """
    weak, strong, order = (np.asarray(a, dtype=np.float64) for a in (weak, strong, order))
    if not (weak.shape == strong.shape == order.shape and weak.ndim == 1 and len(weak)):
        raise ValueError(
            f"expected three rows for the same questions, got {weak.shape}, {strong.shape}, {order.shape}"
        )
    total = float(strong.mean() - weak.mean())
    if total == 0:
        raise ValueError("both models have the same mean quality: there is no gap to recover")
    ranks = np.argsort(-order, kind="stable")
    # The end of each group of equal scores; between them the curve is straight.
    last = np.flatnonzero(np.append(np.diff(order[ranks]) != 0, True)) + 1
    gained = np.cumsum((strong - weak)[ranks])[last - 1] / len(weak) / total
    return Gap(np.concatenate([[0.0], last / len(weak)]), np.concatenate([[0.0], gained]))


def oracle_order(weak: Floats, strong: Floats) -> Floats:
    """[n] the order that nobody can know: where the strong model gains most comes first."""
    return np.asarray(strong, dtype=np.float64) - np.asarray(weak, dtype=np.float64)


@dataclass(frozen=True)
class Between:
    """A pool of two models, of which one is stronger on the training questions: the gap between them on these questions."""

    names: tuple[str, str]
    """The weaker one, the stronger one."""
    weak: Floats
    strong: Floats
    """[n] their scores."""

    @classmethod
    def of(cls, world: RecordedWorld, grid: Grid) -> Between | None:
        """None for a pool of more or fewer."""
        if len(grid.names) != 2:
            return None
        strong = grid.names.index(world.best_single)
        names = grid.names[1 - strong], grid.names[strong]
        return cls(names, grid.score[:, 1 - strong], grid.score[:, strong])

    @property
    def total(self) -> float:
        """By how much the stronger one is better here; 0 or less: there is no gap to recover."""
        return float(self.strong.mean() - self.weak.mean())

    def recovered(self, method: Method, grid: Grid, run: Run) -> dict[str, Any]:
        """The part of the gap that a router recovers; over all shares of strong calls if it says which questions need them."""
        if self.total <= 0:
            return {"pgr": None, "apgr": None, "cpt": None}
        found: dict[str, Any] = {"pgr": float(run.value.mean() - self.weak.mean()) / self.total}
        if method.expects is None:
            return found | {"apgr": None, "cpt": None}
        expected = method.expects(grid)
        strong = grid.names.index(self.names[1])
        curve = gap(self.weak, self.strong, expected[:, strong] - expected[:, 1 - strong])
        cpt = {f"{part:.0%}": curve.cpt(part) for part in RECOVERED}
        return found | {"apgr": curve.apgr, "cpt": cpt}

    def shown(self) -> dict[str, Any]:
        """The two and the gap; the rows `random` and `oracle` have floor and ceiling of APGR."""
        return {"weak": self.names[0], "strong": self.names[1], "gap": self.total}
