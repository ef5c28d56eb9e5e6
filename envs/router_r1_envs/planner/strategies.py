"""Strategies: whom to ask first, and the price at which a further call must be worth its cost. Chosen by category.

A look-up table by category asks one model, the best one at this level. The planner looks up a *strategy* instead: a
first candidate, and a price of continuing. From the first response on it asks whoever gains most (`gain.py`), while the
gain exceeds price x mean cost. A table of one call a category is the special case in which continuing is never worth
it, so that the planner contains the look-up table.

Each strategy is played on all training questions, each question by what was fitted on other folds: so the score and the
cost of every strategy are known for each question, and the best one of a category is a matter of means, drawn towards
those of all categories. This sees what a gain of one step cannot: that a cheap first call is worth more if a second
call may follow. (One step of policy improvement by rollouts: Tesauro and Galperin 1996; Bertsekas 2013.)

At a level where strategies with further calls do not prove better than the look-up table on questions that did not
choose them, the look-up table decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from router_r1_envs.planner.category_tables import shrunken_means
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.gain import Gain
from router_r1_envs.planner.posterior import Evidence, Posterior, Table
from router_r1_envs.planner.states import States
from router_r1_envs.worlds.recorded_world.table_arrays import Bools, Floats, Ints

PRICES = (0.008, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35, math.inf)
"""Prices of continuing: the score that one mean call of the best single model must gain. Infinite: one call."""
PRIORS = (8.0, 40.0, 200.0, 1e9)
"""How many questions the mean of all categories may weigh in that of one; the last: one strategy for all categories."""
_SENSITIVITIES = np.geomspace(0.004, 1.0, 24)  # of the look-up tables that name first candidates
_FREE = -1


@dataclass(frozen=True)
class Played:
    """What N episodes did."""

    states: States
    """After the last call."""
    score: Floats
    """[N] recorded score of the final answer."""
    cost: Floats
    """[N] in mean calls of the best single model."""
    seen: tuple[Evidence, ...]
    """What all states showed before each call, and at the end; a finished episode stays as it is."""


def play(
    table: Table,
    rows: Ints,
    fold: Ints,
    posterior: Posterior,
    gain: Gain,
    price: Floats,
    prescribed: Ints,
) -> Played:
    """Play episodes: the prescribed calls, and then whatever is worth its price.

    Args:
        table: any questions.
        rows: [N] the questions.
        fold: [N] their folds; -1: questions that were not fitted on.
        posterior: judges responses.
        gain: judges calls.
        price: [N] the price of continuing.
        prescribed: [N, T] candidates of the first calls; -1 from where the planner decides. Each episode prescribes at
            least one.
    """
    responses, means = table.responses, table.means
    states = States.start(rows, fold, prescribed.shape[1])
    going = np.ones(len(rows), dtype=bool)
    evidence = posterior.evidence(table, states)
    seen = [evidence]
    for call in range(prescribed.shape[1]):
        must = prescribed[:, call]
        free = going & (must == _FREE) & np.isfinite(price)
        chosen = np.where(going, must, _FREE)
        if free.any():
            here = states.only(free)
            worth = gain(table, here, _only(evidence, free))
            costs = means.cost[here.fold, responses.category[here.rows]]
            worth = np.where(
                here.askable(responses), worth - price[free][:, None] * costs, -math.inf
            )
            chosen[free] = np.where(worth.max(1) > 0, worth.argmax(1), _FREE)
        going = chosen != _FREE
        if not going.any():
            break
        moved = states.only(going).after(chosen[going], responses)
        models, samples = states.models.copy(), states.samples.copy()
        models[going], samples[going] = moved.models, moved.samples
        states = States(rows, fold, models, samples)
        new = posterior.evidence(table, moved)
        evidence = _put(evidence, going, new)
        seen.append(evidence)
    model = np.maximum(states.models, 0)
    costs = responses.cost[rows[:, None], model, states.samples] * states.made
    return Played(states, evidence.leader_score, costs.sum(1), tuple(seen))


def _only(evidence: Evidence, which: Bools) -> Evidence:
    return Evidence(evidence.answer[which], evidence.right[which], evidence.score[which])


def _put(evidence: Evidence, which: Bools, new: Evidence) -> Evidence:
    answer, right, score = evidence.answer.copy(), evidence.right.copy(), evidence.score.copy()
    answer[which], right[which], score[which] = new.answer, new.right, new.score
    return Evidence(answer, right, score)


@dataclass(frozen=True)
class Choice:
    """The strategies of one level."""

    first: Ints
    """[categories + 1] whom to ask first; the last one for any other category."""
    price: Floats
    """[categories + 1] the price of continuing."""
    planned: bool
    """Whether further calls proved to be worth it; if not, this is the look-up table."""
    gain: float
    """Mean utility over the look-up table, on questions that did not choose the strategies."""
    standard_error: float
    """Of that gain."""

    def __str__(self) -> str:
        proof = f"{100 * self.gain:+.1f} points of utility (standard error {100 * self.standard_error:.1f})"
        return (
            f"further calls {'add' if self.planned else 'would add'} {proof} to a look-up by category"
            + ("" if self.planned else "; looked up")
        )


@dataclass(frozen=True)
class Strategies:
    """Every strategy as it did on the training questions."""

    first: Ints
    """[F] candidates that may be asked first."""
    score: Floats
    """[prices, F, n] score of the final answer to each training question."""
    cost: Floats
    """[prices, F, n] its cost, in mean calls of the best single model."""
    category: Ints
    """[n]"""
    fold: Ints
    """[n]"""

    @classmethod
    def fit(
        cls, table: Table, fold: Ints, posterior: Posterior, gain: Gain, settings: PlannerConfig
    ) -> Strategies:
        """Play every strategy on the training questions.

        Args:
            table: the training questions.
            fold: [n] the fold of each.
            posterior: fitted on the same questions and folds.
            gain: the same.
            settings: of the fit.
        """
        rows = np.arange(len(fold))
        first = _first_candidates(table, fold, settings.first_candidates)
        scores, costs = np.zeros((2, len(PRICES), len(first), len(fold)))
        for i, price in enumerate(PRICES):
            for j, candidate in enumerate(first):
                prescribed = np.full((len(fold), settings.max_calls), _FREE)
                prescribed[:, 0] = candidate
                prices = np.full(len(fold), price)
                played = play(table, rows, fold, posterior, gain, prices, prescribed)
                scores[i, j], costs[i, j] = played.score, played.cost
        return cls(first, scores, costs, table.responses.category, fold)

    def choose(self, sensitivity: float) -> Choice:
        """The strategies of a level.

        Args:
            sensitivity: the score that one mean call of the best single model must buy.
        """
        utility = (self.score - sensitivity * self.cost).reshape(-1, self.score.shape[2])
        every = np.arange(len(utility))
        one_call = every[-len(self.first) :]
        tried = {
            (planned, prior): self._held_out(utility, every if planned else one_call, prior)
            for planned in (False, True)
            for prior in PRIORS
        }
        planned, prior = max(tried, key=lambda choice: tried[choice].mean())
        look_up = max((tried[False, prior] for prior in PRIORS), key=np.mean)
        proof = max((tried[True, prior] for prior in PRIORS), key=np.mean) - look_up
        best = self._best(utility, every if planned else one_call, slice(None), prior)
        return Choice(
            self.first[best % len(self.first)],
            np.array(PRICES)[best // len(self.first)],
            planned,
            float(proof.mean()),
            float(proof.std() / math.sqrt(proof.size)),
        )

    def _held_out(self, utility: Floats, of: Ints, prior: float) -> Floats:
        """[n] utility of the best strategy of the question's category, chosen on the other folds."""
        found = np.zeros(len(self.fold))
        for part in np.unique(self.fold):
            here = np.nonzero(self.fold == part)[0]
            best = self._best(utility, of, self.fold != part, prior)
            found[here] = utility[best[self.category[here]], here]
        return found

    def _best(self, utility: Floats, of: Ints, questions: Bools | slice, prior: float) -> Ints:
        """[categories + 1] the strategy with the highest mean, among `of`, over some training questions."""
        means = shrunken_means(
            utility[of][:, questions].T,
            self.category[questions],
            int(self.category.max()) + 1,
            prior,
        )
        best: Ints = of[means.argmax(1)]
        return best


def _first_candidates(table: Table, fold: Ints, most: int) -> Ints:
    """The candidates that look-up tables of many levels would ask most often, up to `most` of them."""
    where = (fold, table.responses.category)
    score, cost = table.means.score[where], table.means.cost[where]
    counts = np.zeros(table.responses.candidates)
    for sensitivity in _SENSITIVITIES:
        np.add.at(counts, (score - sensitivity * cost).argmax(1), 1)
    often = np.argsort(-counts, kind="stable")[:most]
    return often[counts[often] > 0]
