"""`frugalgpt`: a chain of at most three models with a threshold each, over a learned scorer (arXiv:2305.05176)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.plans import best_plan, on_the_hull, thresholds
from router_r1.routers.libraries import Arrays, Floats, Ints, np

_Plan = tuple[Floats, Floats, tuple[int, ...], tuple[Floats, ...]]
"""Scores and costs of a chain on its grid of thresholds, the chain, and the thresholds of its first models."""


@ROUTERS.register(
    "frugalgpt", "a chain of up to three models, each accepted from a learned score on"
)
@dataclass(kw_only=True, eq=False)
class FrugalGPT(Cascade):
    """Ask models a, b, c in this order; accept reply i iff g(question, reply) >= t_i; stop after the last.

    Chain and thresholds maximise `E[score]` under a limit on `E[cost]`, here `worth x E[score] - E[cost]`: every chain
    and every pair of thresholds on a grid is tried on cross-fitted judgements of the training questions.

    Other than the paper: g is boosted trees over the reply and what is expected of its model, not DistilBERT on the
    text; every chain is tried, without the paper's pruning; and the answer is the likeliest of the replies that were
    asked for, which need not be the last.
    """

    name = "frugalgpt"
    grid = {"max_calls": (2, 3), "tried": (8, 16)}
    max_calls: int = setting(3, least=1, most=3)
    """Maximum number of models in a chain."""
    tried: int = setting(16, least=2, most=64)
    """Number of thresholds tried for each model of a chain."""

    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """The first model of the chain that was not asked, unless one before it is accepted."""
        best = best_plan(self.learned["plan_score"], self.learned["plan_cost"], worth_usd)
        chosen = np.full(len(judged), -1)
        chain, limits = self.learned["chain"][best], self.learned["limit"][best]
        for model, limit in zip(chain[::-1], limits[::-1], strict=True):
            if model >= 0:
                replied = judged[:, model]
                accepted = np.where(replied >= limit, -1, chosen)
                chosen = np.where(np.isnan(replied), model, accepted)
        return chosen

    def _learn_decisions(self, seen: Experience) -> Arrays:
        found: list[tuple[float, float, list[int], list[float]]] = []
        for score, cost, chain, limits in self._tried(seen):
            flat_score, flat_cost = score.ravel(), cost.ravel()
            for place in on_the_hull(flat_score, flat_cost):
                at = np.unravel_index(place, score.shape)
                used = [float(values[k]) for values, k in zip(limits, at, strict=True)]
                padding = 3 - len(chain)
                found.append(
                    (
                        float(flat_score[place]),
                        float(flat_cost[place]),
                        [*chain, *[-1] * padding],
                        [*used, *[0.0] * (3 - len(used))],
                    )
                )
        scores, costs = np.array([f[0] for f in found]), np.array([f[1] for f in found])
        kept = on_the_hull(scores, costs)
        return {
            "plan_score": scores[kept],
            "plan_cost": costs[kept],
            "chain": np.array([found[k][2] for k in kept]),
            "limit": np.array([found[k][3] for k in kept]),
        }

    def _tried(self, seen: Experience) -> Iterator[_Plan]:
        """All chains on a grid of thresholds: mean score and cost, each of as many dimensions as thresholds."""
        score, judged, cost = seen.score, seen.judged, seen.cost[:, :, 0]
        n, m = score.shape
        limits = [thresholds(judged[:, j], self.tried) for j in range(m)]
        accepts = [(judged[:, j] >= limits[j][:, None]).astype(np.float64) for j in range(m)]
        for a in range(m):
            yield np.array(score[:, a].mean()), np.array(cost[:, a].mean()), (a,), ()
        if self.max_calls == 1:
            return
        for a in range(m):
            accept, reject = accepts[a], 1 - accepts[a]
            done, paid = accept @ score[:, a], cost[:, a].sum()
            for b in range(m):
                if b == a:
                    continue
                lead = np.where(judged[:, b] > judged[:, a], b, a)
                both = _of(score, lead)
                spent = paid + reject @ cost[:, b]
                yield (done + reject @ both) / n, spent / n, (a, b), (limits[a],)
                if self.max_calls == 2:
                    continue
                further = reject @ (accepts[b] * both).T
                rejected = 1 - accepts[b]
                for c in range(m):
                    if c in (a, b):
                        continue
                    best = np.where(judged[:, c] > _of(judged, lead), c, lead)
                    total = done[:, None] + further + reject @ (rejected * _of(score, best)).T
                    price = spent[:, None] + reject @ (rejected * cost[:, c]).T
                    yield total / n, price / n, (a, b, c), (limits[a], limits[b])


def _of(values: Floats, place: Ints) -> Floats:
    """[n] the value of each row at its place."""
    found: Floats = np.take_along_axis(values, place[:, None], 1)[:, 0]
    return found
