"""`routerbench_cascade`: models by price until a judged quality reaches a threshold (RouterBench, arXiv:2403.12031)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.plans import best_plan, on_the_hull, thresholds
from router_r1.routers.libraries import Arrays, Floats, Ints, np

_TRIED = 48  # thresholds


@ROUTERS.register("routerbench_cascade", "ask by price until a judged quality reaches a threshold")
@dataclass(kw_only=True, eq=False)
class RouterBenchCascade(Cascade):
    """Ask the models from the cheapest to the most expensive; accept a reply iff its judged quality is at least t.

    A verdict is wrong with probability `error`, the paper's epsilon: the quality then counts as 1 - quality. The answer
    is the last reply, accepted or not. A call that would take the question beyond `cap_usd` is not made.

    Other than the paper: quality is judged by a learned scorer, since the recorded one is not known when a cascade is
    used; the threshold is chosen on the training questions for each worth of a right answer, not on those that are
    measured; and whether a verdict is wrong is drawn by question, model and `seed`, so that it can be repeated.
    """

    name = "routerbench_cascade"
    max_calls: int = setting(10, least=1)
    """Maximum number of models asked about a question."""
    error: float = setting(0.0, least=0, most=1)
    """Probability that a verdict is wrong, beside the mistakes of the learned judge."""
    cap_usd: float = setting(0.0, least=0)
    """Dollars that the calls of a question may cost by their predicted costs; the first call is always made. 0: no cap."""

    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """The next model by price, unless the last reply is accepted or the cap is reached."""
        best = best_plan(self.learned["plan_score"], self.learned["plan_cost"], worth_usd)
        threshold = self.learned["threshold"][best]
        order = self.learned["order"]
        asked = ~np.isnan(judged[:, order])
        count = asked.sum(1)
        # Models that failed may lie anywhere, so the next one is the first by price that was not asked.
        following = np.where(asked.all(1), -1, order[asked.argmin(1)])
        rows = np.arange(len(judged))
        accepted = (np.nan_to_num(judged, nan=-1.0) >= threshold).any(1)
        spent = np.where(np.isnan(judged), 0.0, costs).sum(1) + costs[rows, following]
        beyond = (self.cap_usd > 0) & (spent > self.cap_usd) & (count > 0)
        chosen: Ints = np.where(accepted | beyond, -1, following)
        return chosen

    def answer(self, judged: Floats) -> Ints:
        """The last reply: that of the most expensive model asked."""
        order = self.learned["order"]
        last = judged.shape[1] - 1 - (~np.isnan(judged[:, order]))[:, ::-1].argmax(1)
        chosen: Ints = order[last]
        return chosen

    def _learn_decisions(self, seen: Experience) -> Arrays:
        cost = seen.cost[:, :, 0]
        usual = cost.mean(0)
        order = np.argsort(usual, kind="stable")[: self.max_calls]
        order = np.concatenate([order, np.setdiff1d(np.arange(len(usual)), order)])
        tried = thresholds(seen.judged, _TRIED)
        scores, costs = np.zeros(len(tried)), np.zeros(len(tried))
        steps = min(self.max_calls, len(order))
        predicted = usual[order].cumsum()
        if self.cap_usd > 0:
            steps = max(1, min(steps, int((predicted <= self.cap_usd).sum())))
        for place, threshold in enumerate(tried):
            accepted = seen.judged[:, order[:steps]] >= threshold
            accepted[:, -1] = True
            last = accepted.argmax(1)
            rows = np.arange(len(last))
            scores[place] = seen.score[rows, order[last]].mean()
            costs[place] = cost[:, order].cumsum(1)[rows, last].mean()
        kept = on_the_hull(scores, costs)
        return {
            "order": order,
            "threshold": tried[kept],
            "plan_score": scores[kept],
            "plan_cost": costs[kept],
        }

    def _disturbed(self, questions: Sequence[Question], place: int, judged: Floats) -> Floats:
        if self.error == 0:
            return judged
        wrong = np.array([_draw(q, place, self.seed) for q in questions]) < self.error
        return np.where(wrong, 1 - judged, judged)


def _draw(question: Question, place: int, seed: int) -> float:
    """A number from 0 to 1 that looks random and depends on nothing but the arguments."""
    text = f"{seed} {place} {question.question}".encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()) / 2**56
