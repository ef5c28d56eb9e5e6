"""`cascade_routing`: at each step the best superset of the models asked so far (arXiv:2410.10347)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.state_judge import fit_states, normal, revised
from router_r1.routers.libraries import Arrays, Bools, Floats, Ints, np

_STATES = "states."  # of the arrays of the state judge
_GRID = 24  # points of the integral of E[max]
_MOST_NUMBERS = 1 << 23
"""Numbers of an array over all pairs of models; questions are taken in parts of so many."""
ORDERS = ("any", "price")


@ROUTERS.register("cascade_routing", "ask the models whose best expected reply is worth its cost")
@dataclass(kw_only=True, eq=False)
class CascadeRouting(Cascade):
    """At each step, over sets M of models that hold those asked so far:

        argmax over M of  E[max over i in M of q_i] - sum over i in M of c_i / worth

    and ask the best model of M that was not asked; stop where the best M is the present one. q_i of a model that replied
    is the judgement of its reply in the light of all replies; that of another is Gaussian around what is expected of it
    now, with the variance `trust k_i p (1 - p)`, where k_i says how far estimates of training questions moved against the
    best reply when the model replied (`state_judge.py`).
    At most `ahead` models more than those asked are looked at.

    Routing is the case `max_calls: 1`, and a plain cascade the case `order: price, ahead: 1`, which can only go on to
    the next model by price. Other than the paper: judgements know which replies agree, and once replies are known,
    what is expected of the other models changes too.
    """

    name = "cascade_routing"
    grid = {"trust": (0.25, 0.5, 1.0), "max_calls": (2, 3, 4)}
    ahead: int = setting(2, least=1, most=2)
    """Largest number of further models that are looked at together."""
    trust: float = setting(0.5, least=0, most=1)
    """Share of the variance that counts. Below 1, because the largest of several uncertain gains is overestimated."""
    order: str = setting("any")
    """`any`, or `price`: no model is asked before all cheaper ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in ORDERS:
            raise ConfigError(
                f"router {self.name!r}: order: expected {' or '.join(ORDERS)}, got {shown_name(self.order)!r}"
            )

    def revise(self, prior: Floats, judged: Floats, answers: Ints) -> tuple[Floats, Floats]:
        """By who agrees with whom, learned from random sets of models."""
        arrays = {
            name.removeprefix(_STATES): array
            for name, array in self.learned.items()
            if name.startswith(_STATES)
        }
        return revised(arrays, prior, judged, answers)

    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """The first model of the best superset; -1 where the present set is the best."""
        price = costs / max(worth_usd, 1e-30)
        asked = ~np.isnan(judged)
        present = np.where(asked.any(1), np.where(asked, judged, -np.inf).max(1), -np.inf)
        open_ = ~asked
        if self.order == "price":
            by_price = np.argsort(self.learned["mean_cost"], kind="stable")
            following = by_price[open_[:, by_price].argmax(1)]
            open_ = open_ & (np.arange(prior.shape[1]) == following[:, None])
        roomy = asked.sum(1) + 2 <= self.max_calls
        rows = max(1, _MOST_NUMBERS // (prior.shape[1] ** 2 * _GRID))
        parts = []
        for at in range(0, max(1, len(prior)), rows):
            here = slice(at, at + rows)
            parts.append(
                self._best_superset(
                    prior[here], price[here], open_[here], present[here], roomy[here]
                )
            )
        value, first = (np.concatenate(each) for each in zip(*parts, strict=True))
        stop = asked.any(1) & ~(value > present)
        return np.where(stop | asked.all(1), -1, first)

    def _best_superset(
        self, prior: Floats, price: Floats, can: Bools, present: Floats, roomy: Bools
    ) -> tuple[Floats, Ints]:
        """[n] the value of the best set with a further model, in units of score, and the model of it to ask first.

        Args:
            prior: [n, m] what is expected of each model.
            price: [n, m] in units of score.
            can: [n, m] whether a model can be asked.
            present: [n] the best judgement so far; -infinity without any.
            roomy: [n] whether two more models may be asked.
        """
        n, m = prior.shape
        p = prior.clip(0.0, 1.0)
        share = self.trust * self.learned["moved"]
        sigma = np.sqrt(np.maximum(share * p.clip(0.01, 0.99) * (1 - p).clip(0.01, 0.99), 1e-18))
        some = np.isfinite(present)
        begin = np.where(some, present, 0.0).clip(0.0, 1.0)[:, None]
        grid = begin + (1 - begin) * (np.arange(_GRID) + 0.5) / _GRID
        below = normal((grid[:, None] - p[..., None]) / sigma[..., None])  # [n, m, grid] P(q <= t)
        rest = 1 - begin

        def best_of(product: Floats) -> Floats:
            """E[max] of the present reply and others, from the probability that all of them are below each t."""
            found: Floats = begin + rest * (1 - product).mean(-1)
            return found

        alone = np.where(some[:, None], best_of(below), prior) - price
        alone = np.where(can, alone, -np.inf)
        by_cost = np.argsort(self.learned["mean_cost"], kind="stable")
        first = by_cost[alone[:, by_cost].argmax(1)]
        value = alone.max(1)
        if self.ahead > 1:
            a, b = np.triu_indices(m, 1)
            both = best_of(below[:, a] * below[:, b]) - price[:, a] - price[:, b]
            both = np.where(can[:, a] & can[:, b] & roomy[:, None], both, -np.inf)
            pair = both.argmax(1)
            better = both.max(1, initial=-np.inf) > value
            # The cheaper one first: its reply may be enough.
            rows, a, b = np.arange(n), a[pair], b[pair]
            cheaper = np.where(price[rows, a] <= price[rows, b], a, b)
            first = np.where(better, cheaper, first)
            value = np.where(better, both[rows, pair], value)
        return value, first

    def _learn_decisions(self, seen: Experience) -> Arrays:
        arrays, moved = fit_states(seen, self.max_calls, np.random.default_rng(self.seed))
        return {**{_STATES + name: array for name, array in arrays.items()}, "moved": moved}
