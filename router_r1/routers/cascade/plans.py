"""Chains of models with thresholds, tried on the training questions: which one pays at which worth of a right answer.

A plan is a way to run a cascade, with the mean score and the mean dollars it had. For a right answer worth w dollars
the best plan maximises `w score - cost`, so only the plans on the upper hull of score over cost are ever chosen, and
only they are kept. This is the largest score under a limit on the mean cost, by its Lagrange multiplier 1/w.
"""

from __future__ import annotations

from router_r1.routers.libraries import Floats, Ints, np


def on_the_hull(score: Floats, cost: Floats) -> Ints:
    """The plans that some worth chooses, by rising cost and score.

    Args:
        score: [p] mean score of each plan.
        cost: [p] mean dollars.
    """
    kept: list[int] = []
    for place in map(int, np.lexsort((-score, cost))):
        if kept and score[place] <= score[kept[-1]]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], place, score, cost):
            kept.pop()
        kept.append(place)
    return np.array(kept, dtype=np.int64)


def best_plan(score: Floats, cost: Floats, worth_usd: float) -> int:
    """The plan with the highest `worth_usd x score - cost`; on a tie, the cheapest."""
    order = np.argsort(cost, kind="stable")
    return int(order[(score - cost / max(worth_usd, 1e-30))[order].argmax()])


def thresholds(judged: Floats, count: int) -> Floats:
    """About `count` thresholds at the quantiles of judgements; the first accepts every reply, the last none."""
    inner = np.unique(np.quantile(judged, np.linspace(0, 1, count)))[1:]
    found: Floats = np.concatenate([[0.0], inner, [2.0]])
    return found


def _below(a: int, b: int, c: int, score: Floats, cost: Floats) -> bool:
    """Whether plan b lies on or below the line from a to c."""
    rise = (score[b] - score[a]) * (cost[c] - cost[a])
    return bool(rise <= (score[c] - score[a]) * (cost[b] - cost[a]))
