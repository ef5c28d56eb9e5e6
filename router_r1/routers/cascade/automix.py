"""`automix`: ask a small model, verify its reply, and ask a large one where that pays (AutoMix, arXiv:2310.12963)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.libraries import Arrays, Floats, Ints, np

DECISIONS = ("pomdp", "threshold")
_SMOOTHING = 2.0  # questions that the overall mean counts like in each bin


@ROUTERS.register("automix", "verify a small model's reply, and ask a large one where it pays")
@dataclass(kw_only=True, eq=False)
class AutoMix(Cascade):
    """A small and a large model, and a verification v of the small one's reply in bins. The state of a question is one of

        NEEDY     the small model is wrong and the large one right: ask the large one
        GOOD      the small model is right: stop
        HOPELESS  both are wrong: stop, and save the cost

    `decision: pomdp` asks the large model iff `worth (P(NEEDY | v) - P(GOOD, large wrong | v)) > cost`, which is the
    best policy of this decision process, as it has a single decision. `decision: threshold` asks iff `v < t`. Bins,
    probabilities, t, and which two models, are learned for each worth from the training questions.

    v is the judge's probability that the reply is right. With `samples`, the small model is asked that many times more
    and the share of equal answers, which is the paper's self-verification without a prompt of its own, enters the
    judgement; these calls are paid for. A reply without further samples in the table is judged alone.

    Other than the paper: recorded tables hold no replies to a verification prompt; states are learned from scores and
    the policy is exact, where the paper tries thousands of rewards.
    """

    name = "automix"
    grid = {"decision": DECISIONS, "bins": (5, 10, 20)}
    decision: str = setting("pomdp")
    """`pomdp` or `threshold`."""
    bins: int = setting(10, least=2)
    """Number of bins of the verification."""
    samples: int = setting(0, least=0, most=20)
    """Further samples of the small model that verify its reply."""
    max_calls: int = setting(2, least=1, most=2)
    """Models asked about a question; 1: the small model alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decision not in DECISIONS:
            raise ConfigError(
                f"router {self.name!r}: decision: expected {' or '.join(DECISIONS)}, got {shown_name(self.decision)!r}"
            )

    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """The small model first; then the large one, where its bin says so."""
        small, large, asks = self._pair(worth_usd)
        first = np.isnan(judged).all(1)
        chosen = np.full(len(judged), -1)
        if large >= 0:
            verified = np.nan_to_num(
                judged[:, small]
            )  # a model that cannot be asked is never right
            where = np.searchsorted(self.learned["edges"][small], verified, side="right")
            go = asks[where]
            if self.decision == "pomdp":
                go = self._gain(worth_usd)[small, large][where] > costs[:, large]
            chosen = np.where(go & np.isnan(judged[:, large]), large, -1)
        return np.where(first, small, chosen)

    def answer(self, judged: Floats) -> Ints:
        """The reply of the large model where it was asked."""
        by_cost = np.argsort(self.learned["mean_cost"], kind="stable")
        last = judged.shape[1] - 1 - (~np.isnan(judged[:, by_cost]))[:, ::-1].argmax(1)
        chosen: Ints = by_cost[last]
        return chosen

    def further(self, worth_usd: float) -> Ints:
        """`samples` for the small model, where a large one may be asked."""
        found = super().further(worth_usd)
        small, large, _ = self._pair(worth_usd)
        if large >= 0:
            found[small] = self.samples
        return found

    def ibc_lift(self, worth_usd: float) -> float:
        """The paper's figure on the training questions: how much more score a dollar beyond the small model's cost buys
        than by asking the large model always, `(IBC - IBC of large) / IBC of large` with
        `IBC = (score - score of small) / (cost - cost of small)`. nan where no large model is asked.
        """
        self._check_fitted()
        small, large, asks = self._pair(worth_usd)
        if large < 0 or not asks.any():
            return float("nan")
        share = self.learned["share"][small] * asks
        gained = (share * self._difference()[small, large]).sum()
        once, verified = self.learned["call"][small]
        paid = share.sum() * self.learned["call"][large, 0] + verified - once
        score = self.learned["mean_score"]
        always = (score[large] - score[small]) / (self.learned["call"][large, 0] - once)
        return float((gained / paid - always) / always)

    def _pair(self, worth_usd: float) -> tuple[int, int, Floats]:
        """Small and large model (-1: none), and [bins] in which of its bins the large one is asked."""
        worth = max(worth_usd, 1e-30)
        score, call = self.learned["mean_score"], self.learned["call"]
        gain = self._difference() - call[None, :, None, 0] / worth  # in units of score
        share = self.learned["share"][:, None]
        asks = gain > 0
        if self.decision == "threshold":
            below = np.concatenate(
                [np.zeros_like(gain[..., :1]), (share * gain).cumsum(2)], axis=2
            ).argmax(2)
            asks = np.arange(gain.shape[2]) < below[..., None]
        alone = score - call[:, 0] / worth
        pairs = (score - call[:, 1] / worth)[:, None] + (share * gain * asks).sum(2)
        allowed = (call[:, None, 0] < call[None, :, 0]) & (self.max_calls > 1) & asks.any(2)
        pairs = np.where(allowed, pairs, -np.inf)
        cheapest = np.argsort(call[:, 0], kind="stable")
        single = int(cheapest[alone[cheapest].argmax()])
        small, large = np.unravel_index(int(pairs.argmax()), pairs.shape)
        if pairs[small, large] <= alone[single]:
            return single, -1, np.zeros(gain.shape[2], dtype=bool)
        return int(small), int(large), asks[small, large]

    def _difference(self) -> Floats:
        """[m, m, bins] P(NEEDY) - P(GOOD, large wrong): what asking the second model adds to the score of the first."""
        difference: Floats = self.learned["state"][..., 0] - self.learned["lost"]
        return difference

    def _gain(self, worth_usd: float) -> Floats:
        """[m, m, bins] what asking the second model is worth in dollars."""
        with np.errstate(invalid="ignore"):
            gain: Floats = np.nan_to_num(self._difference() * worth_usd)
        return gain

    @property
    def _most_further(self) -> int:
        return self.samples

    def _learn_decisions(self, seen: Experience) -> Arrays:
        score = seen.score
        m = score.shape[1]
        edges = np.stack([_edges(seen.judged[:, j], self.bins) for j in range(m)])
        state, lost = np.zeros((m, m, self.bins, 3)), np.zeros((m, m, self.bins))
        share = np.zeros((m, self.bins))
        for i in range(m):
            inside = (
                np.searchsorted(edges[i], seen.judged[:, i], side="right")
                == np.arange(self.bins)[:, None]
            ).astype(np.float64)
            share[i] = inside.mean(1)
            weight = inside.sum(1, keepdims=True) + _SMOOTHING
            good, right = score[:, i : i + 1], score

            def mean(values: Floats, inside: Floats = inside, weight: Floats = weight) -> Floats:
                found: Floats = ((inside @ values + _SMOOTHING * values.mean(0)) / weight).T
                return found

            state[i, :, :, 0] = mean((1 - good) * right)
            state[i, :, :, 1] = mean(np.broadcast_to(good, right.shape))
            state[i, :, :, 2] = mean((1 - good) * (1 - right))
            lost[i] = mean(good * (1 - right))
        return {
            "edges": edges,
            "state": state,
            "lost": lost,
            "share": share,
            "call": seen.cost[:, :, [0, -1]].mean(0),
            "mean_score": score.mean(0),
        }


def _edges(values: Floats, bins: int) -> Floats:
    """[bins - 1] where the bins of a model begin, all but the first: at values, so that none is empty; then infinity."""
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    found = np.unique(np.quantile(values, inner, method="lower"))
    found = found[found > values.min()]
    edges: Floats = np.full(bins - 1, np.inf)
    edges[: len(found)] = found
    return edges
