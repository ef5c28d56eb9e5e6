"""Routing between two models: how much of their gap a router recovers at each share of calls to the stronger model.

    PGR(c)   performance gap recovered at share c of calls to the stronger model, where r is the mean quality:
             (r(c) - r(weak)) / (r(strong) - r(weak))
    APGR     the mean of PGR over c in [0, 1]; a random order has 0.5
    CPT(x)   call-performance threshold: the smallest share c with PGR(c) >= x

These are the metrics of RouteLLM (arXiv:2406.18665), computed exactly: over every share instead of ten bins, and with
the mean over all orders of questions that have the same score. If PGR reaches x, falls and reaches x again, CPT(x) is
the first share. APGR may exceed 1, because a router can beat the stronger model; the highest APGR on a table is that of
`oracle_order`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.results import TwoModels
from router_r1_eval.tournament.entrants import Entrant

Floats = NDArray[np.float64]

RECOVERED = (0.5, 0.8)
"""Parts of the gap for which the smallest share of calls to the stronger model is stated (CPT)."""


@dataclass(frozen=True)
class Gap:
    """How much of the gap an order of n questions recovers, at every share of calls to the stronger model."""

    share: Floats
    """[k] shares of calls to the strong model, from 0 to 1."""
    pgr: Floats
    """[k] the gap recovered there."""

    @property
    def apgr(self) -> float:
        """Average gap recovered: the area under the curve."""
        return float(np.trapezoid(self.pgr, self.share))

    def cpt(self, recovered: float) -> float | None:
        """The smallest share of calls to the stronger model that recovers this part (0 to 1) of the gap, or None."""
        reached = np.flatnonzero(self.pgr >= recovered)
        if not len(reached):
            return None
        place = int(reached[0])
        if place == 0:
            return float(self.share[0])
        low, high = self.pgr[place - 1], self.pgr[place]
        part = (recovered - low) / (high - low)
        return float(self.share[place - 1] + part * (self.share[place] - self.share[place - 1]))


def gap(weak: Floats, strong: Floats, order: Floats) -> Gap:
    """The curve of a router between two models.

    Args:
        weak, strong: [n] quality of each model's answer to each question.
        order: [n] how much each question needs the stronger model; only the order matters.

    Raises:
        ValueError: the shapes differ, there are no questions, or both models have the same mean quality.
    """
    weak, strong, order = (np.asarray(a, dtype=np.float64) for a in (weak, strong, order))
    if not (weak.shape == strong.shape == order.shape and weak.ndim == 1 and len(weak)):
        raise ValueError(
            f"expected one value per question in each array, got shapes {weak.shape}, {strong.shape}, {order.shape}"
        )
    total = float(strong.mean() - weak.mean())
    if total == 0:
        raise ValueError("both models have the same mean quality: there is no gap to recover")
    ranks = np.argsort(-order, kind="stable")
    # The last place of each group of equal scores; between two such places the curve is straight.
    last = np.flatnonzero(np.append(np.diff(order[ranks]) != 0, True)) + 1
    gained = np.cumsum((strong - weak)[ranks])[last - 1] / len(weak) / total
    return Gap(np.concatenate([[0.0], last / len(weak)]), np.concatenate([[0.0], gained]))


def oracle_order(weak: Floats, strong: Floats) -> Floats:
    """[n] the order of an oracle: questions on which the stronger model gains most come first."""
    return np.asarray(strong, dtype=np.float64) - np.asarray(weak, dtype=np.float64)


@dataclass(frozen=True)
class ModelPair:
    """A pool of two models: the stronger one is chosen on the training questions, the scores are of test questions."""

    names: tuple[str, str]
    """The weaker model, the stronger model."""
    weak: Floats
    """[n] scores of the weaker model."""
    strong: Floats
    """[n] scores of the stronger model."""

    @classmethod
    def of(cls, splits: TableSplits) -> ModelPair | None:
        """The pair; None for a pool of more or fewer models."""
        test, strong = splits.test, splits.best_column
        if len(test.names) != 2:
            return None
        names = test.names[1 - strong], test.names[strong]
        return cls(names, test.score[:, 1 - strong], test.score[:, strong])

    @property
    def gap(self) -> float:
        """How much better the stronger model is on the test questions; at 0 or less there is no gap to recover."""
        return float(self.strong.mean() - self.weak.mean())

    def metrics(self, splits: TableSplits, entrant: Entrant, run: RouterRun) -> dict[str, Any]:
        """`pgr`, `apgr` and `cpt` of an entrant, as fields of its row; None where they are not defined.

        Args:
            splits: the table.
            entrant: APGR and CPT need an entrant that predicts which questions need the stronger model.
            run: the entrant's run on the test questions at its main setting.
        """
        if self.gap <= 0:
            return {"pgr": None, "apgr": None, "cpt": None}
        pgr = float(run.value.mean() - self.weak.mean()) / self.gap
        if entrant.predict is None:
            return {"pgr": pgr, "apgr": None, "cpt": None}
        predicted = entrant.predict(splits.test)
        strong = splits.best_column
        curve = gap(self.weak, self.strong, predicted[:, strong] - predicted[:, 1 - strong])
        cpt = {f"{part:.0%}": curve.cpt(part) for part in RECOVERED}
        return {"pgr": pgr, "apgr": curve.apgr, "cpt": cpt}

    def result(self) -> TwoModels:
        """The models and the gap, as results.json has them."""
        return TwoModels(weak=self.names[0], strong=self.names[1], gap=self.gap)
