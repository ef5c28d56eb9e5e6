"""`elo`: Bradley-Terry ratings of the models from all pairs of answers; it does not read the question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router, setting
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet

_POINTS = 400 / math.log(10)  # rating points of a natural logit
_BASE = 1000.0


@ROUTERS.register("elo", "one rating per model from all pairs of answers; blind to the question")
@dataclass(kw_only=True, eq=False)
class EloRouter(Router):
    """`P(i beats j) = 1 / (1 + 10^((r_j - r_i) / 400))`, the ratings r of highest likelihood (Bradley and Terry 1952).

    On each question every pair of models is a battle: the higher score wins, equal scores count half for each. The
    ratings do not depend on the order of battles, unlike those of sequential Elo updates. For two models they differ by
    `400 log10(wins / losses)`.

    A rating becomes a score by `mean + 2 (m - 1) / m x (P - 1/2)`, where P is the mean probability to beat another of
    the m models. Where scores are 0 or 1 and the table has no gaps, this is the mean score of the model (up to `prior`),
    so that the router chooses what the zero router chooses: on such tables ratings add nothing. They differ from means
    where scores have degrees, because a battle is won by any margin.
    """

    name = "elo"
    prior: float = setting(1.0, least=1e-6)
    """Battles that each pair is taken to have drawn, so that a model without a win has a finite rating."""

    def _learn(self, data: TrainingSet) -> Arrays:
        wins = np.array(
            [(s[:, None] > data.scores).sum(0) for s in data.scores.T], dtype=np.float64
        )
        draws = np.array([(s[:, None] == data.scores).sum(0) for s in data.scores.T])
        points = wins + (draws + self.prior) / 2  # [m, m] of the row's model against the column's
        np.fill_diagonal(points, 0.0)
        logits = _bradley_terry(points)
        beaten = _mean_win(logits)
        models = len(logits)
        scores = data.scores.mean() + 2 * (models - 1) / models * (beaten - 0.5)
        return {"ratings": _BASE + _POINTS * logits, "scores": scores}

    def _learn_model(self, data: TrainingSet) -> Arrays:
        """The rating with which the model is expected to win as often as its mean score says."""
        score, known = float(data.scores.mean()), self.learned["scores"]
        logits = (self.learned["ratings"] - _BASE) / _POINTS
        count = len(data.scores)
        wanted = (count * (0.5 + (score - known.mean()) / 2) + self.prior / 2) / (
            count + self.prior
        )
        low, high = logits.min() - 20.0, logits.max() + 20.0
        for _ in range(60):
            middle = (low + high) / 2
            if _win(middle - logits).mean() < wanted:
                low = middle
            else:
                high = middle
        return {
            "ratings": np.append(self.learned["ratings"], _BASE + _POINTS * low),
            "scores": np.append(known, score),
        }

    def _predict(self, questions: Sequence[Question]) -> Floats:
        scores: Floats = np.tile(self.learned["scores"], (len(questions), 1))
        return scores

    def _because(self, question: Question) -> list[str]:
        rated = sorted(zip(self.learned["ratings"], self.models, strict=True), reverse=True)
        return ["the same for every question", *(f"{model}: {r:.0f}" for r, model in rated)]


def _win(difference: Floats) -> Floats:
    won: Floats = 1 / (1 + np.exp(-difference))
    return won


def _mean_win(logits: Floats) -> Floats:
    """[m] mean probability to beat another model."""
    won = _win(logits[:, None] - logits)
    mean: Floats = (won.sum(1) - 0.5) / (len(logits) - 1)
    return mean


def _bradley_terry(points: Floats) -> Floats:
    """Logits [m] with mean 0 of highest likelihood, by Newton's method.

    Args:
        points: [m, m] battles won by the row's model against the column's, at least a part of one for each pair.
    """
    battles = points + points.T
    models = len(points)
    logits = np.zeros(models)

    def likelihood(at: Floats) -> float:
        return -float((points * np.logaddexp(0, at - at[:, None])).sum())

    for _ in range(100):
        won = _win(logits[:, None] - logits)
        gradient = (points - battles * won).sum(1)
        weight = battles * won * (1 - won)
        # Adding the matrix of ones keeps the mean at 0, where the likelihood does not change.
        curvature = np.diag(weight.sum(1)) - weight + 1.0
        step = np.linalg.solve(curvature, gradient)
        size, before = 1.0, likelihood(logits)
        while likelihood(logits + size * step) < before and size > 1e-6:
            size /= 2
        logits = logits + size * step
        if np.abs(step).max() < 1e-10:
            break
    centred: Floats = logits - logits.mean()
    return centred
