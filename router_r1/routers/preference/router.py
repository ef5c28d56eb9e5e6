"""The base classes of routers that learn from battles.

They predict a strength of each model on a question, in log-odds: `P(a beats b) = sigmoid(strength_a - strength_b)`. A
score is a strength on the scale of scores,

    score_j(q) = sigmoid(shift + scale x strength_j(q))

with one `shift` and one `scale` for all models, so that models stay in the order of their strengths. Fitted on a table,
both maximise the likelihood of its scores on questions that the strengths did not learn from (Platt scaling), which
makes scores comparable with dollars. Without a table they are 0 and 1: a score is then the probability of winning
against a model of strength 0, the average.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, shown_name
from router_r1.routers.base import Router
from router_r1.routers.embedding import make_embedding
from router_r1.routers.embedding.router import _PREFIX, EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, Ints, np
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.battles import Battle
from router_r1.routers.training_set import TrainingSet


@dataclass(kw_only=True, eq=False)
class PreferenceRouter(Router):
    """A router that learns from battles. A subclass writes `_learn_battles` and `_strengths`."""

    def fit_battles(
        self, battles: Sequence[Battle], known: OutcomeTable | Mapping[str, float]
    ) -> Self:
        """Learn from battles instead of a table.

        Args:
            battles: between models that are in `known`; which one is named first does not matter.
            known: the models. A table gives their costs, and its scores set the scale of predicted scores; a mapping
                gives the mean dollars of a call of each model.

        Raises:
            DataError: there are no battles, one is of an unknown model, or a model has none.
            ConfigError: `known` has fewer than two models, or a cost that is not dollars of 0 or more.
        """
        table, costs = None, {}
        if isinstance(known, OutcomeTable):
            table = TrainingSet.of(known)
            costs = dict(zip(table.models, map(float, table.costs.mean(0)), strict=True))
        else:
            costs = dict(known)
        if len(costs) < 2:
            raise ConfigError("a router chooses between at least two models; give costs of two")
        for name, cost in costs.items():
            if not (math.isfinite(cost) and cost >= 0):
                raise ConfigError(
                    f"cost of {shown_name(name)!r}: expected dollars of 0 or more, got {cost}"
                )
        if not battles:
            raise DataError("there are no battles to learn from")
        chosen = BattleSet.of(battles, tuple(costs))
        idle = set(range(len(costs))) - {*chosen.first.tolist(), *chosen.second.tolist()}
        if idle:
            raise DataError(
                f"no battle has the model {shown_name(tuple(costs)[min(idle)])!r}; add battles, or leave it out"
            )
        self.models = tuple(costs)
        learned, _, _ = self._learn_battles(chosen)
        self.learned = {
            "mean_cost": np.array(list(costs.values()), dtype=np.float64),
            **learned,
            "scale": np.array([0.0, 1.0]),
        }
        if table is not None:
            self.learned["scale"] = platt_scale(self.strengths(table.questions), table.scores)
        return self

    def strengths(self, questions: Sequence[Question]) -> Floats:
        """Predict the strength of each model in log-odds, [n, m]. Raises `ConfigError` before `fit`."""
        self._check_fitted()
        if not questions:
            return np.zeros((0, len(self.models)))
        return self._strengths(questions)

    def win_rates(self, questions: Sequence[Question], model: str, other: str) -> Floats:
        """Predict the probability [n] that one model beats another. Raises `ConfigError` for an unknown model."""
        for name in (model, other):
            if name not in self.models:
                raise ConfigError(
                    f"router {self.name!r} does not know {shown_name(name)!r}; it knows {', '.join(self.models)}"
                )
        strengths = self.strengths(questions)
        a, b = self.models.index(model), self.models.index(other)
        return sigmoid(strengths[:, a] - strengths[:, b])

    @abstractmethod
    def _learn_battles(self, battles: BattleSet) -> tuple[Arrays, Ints, Floats]:
        """Learn from battles.

        Returns:
            What `_strengths` needs; some questions that it did not learn from, as numbers [k] (or all of them, where
            there are too few to set any aside); and the strengths [k, m] predicted for these.
        """

    @abstractmethod
    def _strengths(self, questions: Sequence[Question]) -> Floats:
        """Predict strengths [n, m] of at least one question."""

    def _learn(self, data: TrainingSet) -> Arrays:
        arrays, rows, strengths = self._learn_battles(BattleSet.of_table(data))
        return {**arrays, "scale": platt_scale(strengths, data.scores[rows])}

    def _predict(self, questions: Sequence[Question]) -> Floats:
        return self._scaled(self._strengths(questions))

    def _scaled(self, strengths: Floats) -> Floats:
        shift, scale = self.learned["scale"]
        return sigmoid(shift + scale * strengths)

    def _because(self, question: Question) -> list[str]:
        rates = sigmoid(self.strengths([question])[0])
        order = np.argsort(-rates, kind="stable")
        shown = ", ".join(f"{self.models[j]} {rates[j]:.2f}" for j in order)
        return [f"probability of winning against an average model: {shown}"]


@dataclass(kw_only=True, eq=False)
class VectorPreferenceRouter(EmbeddingRouter, PreferenceRouter):
    """A router that learns from battles and vectors. A subclass writes the two methods at the end."""

    def _learn_battles(self, battles: BattleSet) -> tuple[Arrays, Ints, Floats]:
        if self.facts:
            raise ConfigError(
                f"router {self.name!r}: facts: a battle has only the text of its question; set facts to 0"
            )
        self._embed, vectors = make_embedding(self.embedding).fit(list(battles.texts))
        kept = {_PREFIX + name: array for name, array in self._embed.arrays().items()}
        arrays, rows, strengths = self._learn_vector_battles(vectors, battles)
        return {**kept, **arrays}, rows, strengths

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        arrays, rows, strengths = self._learn_vector_battles(vectors, BattleSet.of_table(data))
        return {**arrays, "scale": platt_scale(strengths, data.scores[rows])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        return self._scaled(self._strengths_of_vectors(vectors, self.learned))

    def _strengths(self, questions: Sequence[Question]) -> Floats:
        return self._strengths_of_vectors(self.vectors(questions), self.learned)

    @abstractmethod
    def _learn_vector_battles(
        self, vectors: Floats, battles: BattleSet
    ) -> tuple[Arrays, Ints, Floats]:
        """As `_learn_battles`, from vectors [n, d] of the battles' questions."""

    @abstractmethod
    def _strengths_of_vectors(self, vectors: Floats, learned: Arrays) -> Floats:
        """Predict strengths [n, m] from vectors [n, d] and what was learned."""


def sigmoid(x: Floats) -> Floats:
    """`1 / (1 + e^-x)`, without overflow."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def log_odds(p: Floats) -> Floats:
    """The inverse of `sigmoid`, within 7 of 0."""
    inside = np.clip(p, 0.001, 0.999)
    result: Floats = np.log(inside / (1 - inside))
    return result


def platt_scale(strengths: Floats, scores: Floats) -> Floats:
    """[shift, scale] of maximum likelihood, by Newton's method (Platt 1999), for scores between 0 and 1.

    A weak prior, worth a few observations, keeps both near 0 and 1. The scale is at least 0.01, so that models keep
    their order.
    """
    x, y = strengths.ravel(), scores.ravel()
    inputs = np.column_stack([np.ones_like(x), x])
    middle, strength = np.array([0.0, 1.0]), np.diag([0.1, 1.0])
    found = middle.copy()
    for _ in range(50):
        p = sigmoid(inputs @ found)
        slope = inputs.T @ (p - y) + strength @ (found - middle)
        curve = (inputs * (p * (1 - p))[:, None]).T @ inputs + strength
        step = np.linalg.solve(curve, slope)
        found -= np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    return np.array([found[0], max(found[1], 0.01)])
