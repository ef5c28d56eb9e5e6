"""`agreement_cascade`: ask until two models give the same answer (arXiv:2310.03094, with models for samples)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.plans import best_plan, on_the_hull
from router_r1.routers.cascade.replies import NOT_ASKED
from router_r1.routers.libraries import Arrays, Bools, Floats, Ints, np

_AGREED = 2.0  # above every probability


@ROUTERS.register("agreement_cascade", "ask models in a learned order until two agree")
@dataclass(kw_only=True, eq=False)
class AgreementCascade(Cascade):
    """Ask models in an order; stop once two replies give the same answer, which then is the answer.

    If the order ends without agreement, the likeliest reply by the judge is the answer. For each worth of a right answer
    the order is the best of all pairs and triples, and of single models, on the training questions. A pair never
    stops early; it pays where the judge chooses well between its replies.

    Other than the paper: different models vote, not samples of one, since equal mistakes are rarer between models.
    """

    name = "agreement_cascade"
    grid = {"max_calls": (2, 3)}
    max_calls: int = setting(3, least=1, most=3)
    """Maximum number of models asked about a question."""

    def revise(self, prior: Floats, judged: Floats, answers: Ints) -> tuple[Floats, Floats]:
        """A reply that another one agrees with counts as right for certain; the likeliest of those first."""
        return prior, np.where(_agreed(answers), _AGREED + np.nan_to_num(judged), judged)

    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """The next model of the order, unless two agree."""
        best = best_plan(self.learned["plan_score"], self.learned["plan_cost"], worth_usd)
        chosen = np.full(len(judged), -1)
        for model in self.learned["chain"][best][::-1]:
            if model >= 0:
                chosen = np.where(np.isnan(judged[:, model]), model, chosen)
        agreed = (np.nan_to_num(judged) >= _AGREED).any(1)
        return np.where(agreed, -1, chosen)

    def _learn_decisions(self, seen: Experience) -> Arrays:
        chains = self._chains(seen.score.shape[1])
        scores, costs = np.zeros(len(chains)), np.zeros(len(chains))
        for place, chain in enumerate(chains):
            scores[place], costs[place] = _tried(seen, chain)
        kept = on_the_hull(scores, costs)
        padded = [[*chains[k], *[-1] * (3 - len(chains[k]))] for k in kept]
        return {"plan_score": scores[kept], "plan_cost": costs[kept], "chain": np.array(padded)}

    def _chains(self, m: int) -> list[tuple[int, ...]]:
        """Single models, pairs, and triples; the order of the first two of a triple makes no difference."""
        pairs = list(itertools.combinations(range(m), 2))
        chains: list[tuple[int, ...]] = [(model,) for model in range(m)]
        if self.max_calls > 1:
            chains += pairs
        if self.max_calls > 2:
            chains += [(*pair, c) for pair in pairs for c in range(m) if c not in pair]
        return chains


def _agreed(answers: Ints) -> Bools:
    """[n, m] whether another reply gives the same answer."""
    same = (answers[:, :, None] == answers[:, None, :]).sum(2) > 1
    agreed: Bools = same & (answers >= 0)
    return agreed


def _tried(seen: Experience, chain: tuple[int, ...]) -> tuple[float, float]:
    """Mean score and dollars of a chain on the training questions."""
    places = np.array(chain)
    answers, judged = seen.answers[:, places], seen.judged[:, places]
    paid = seen.cost[:, places, 0].copy()
    early = _agreed(answers[:, :2]).any(1) & (len(chain) > 2)
    paid[early, 2:] = 0.0
    hidden = np.outer(early, np.arange(len(chain)) > 1)
    answers = np.where(hidden, NOT_ASKED, answers)
    order = np.where(hidden, -1.0, judged + _AGREED * _agreed(answers))
    score = np.take_along_axis(seen.score[:, places], order.argmax(1)[:, None], 1)
    return float(score.mean()), float(paid.sum(1).mean())
