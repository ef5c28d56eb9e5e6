"""What the training questions of each category say about the candidates: means, drawn towards those of all categories.

The mean of a category with n questions is (sum over them + k x overall mean) / (n + k), with k = `category_prior`: an
empirical-Bayes estimate (Efron and Morris 1975), so that a small category is not believed more than it deserves.

The tables stand once for each fold of the training questions, computed on the other folds, and once for all: index
[fold, category], where fold -1 is all training questions, and the last category is any that training does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from router_r1_envs.planner.responses import Responses
from router_r1_envs.worlds.recorded_world.table_arrays import Floats, Ints

_SMALLEST_SPREAD = 0.1


@dataclass(frozen=True)
class CategoryTables:
    """The means; every array begins with [folds + 1, categories + 1]."""

    score: Floats
    """[.., m] score of a response."""
    answered: Floats
    """[.., m] share of responses that give an answer."""
    score_if_answered: Floats
    """[.., m] score of those."""
    cost: Floats
    """[.., m] cost of a response."""
    view: Floats
    """[.., m] what is visible of a response besides its answer, by default its length."""
    view_spread: Floats
    """[.., m] standard deviation of the same."""
    length: Floats
    """[..] length of the question."""
    length_spread: Floats
    """[..] standard deviation of the same."""
    agree: Floats
    """[.., j, k] how often two candidates agree where both answer; j = k: two samples of one candidate."""
    right_if_agree: Floats
    """[.., j, k] score of j where it agrees with k."""
    right_if_not: Floats
    """[.., j, k] score of j where k answers something else."""

    @classmethod
    def of(
        cls, responses: Responses, view: Floats, fold: Ints, folds: int, prior: float
    ) -> CategoryTables:
        """The tables of n training questions.

        Args:
            responses: the training questions.
            view: [n, m, s + 1] what is visible of each response besides its answer.
            fold: [n] the fold of each question.
            folds: number of folds.
            prior: number of questions that the overall mean weighs.
        """
        parts = [
            _means(responses, view, np.nonzero(fold != part)[0], prior)
            for part in [*range(folds), -1]
        ]
        return cls(
            **{field.name: np.stack([part[field.name] for part in parts]) for field in fields(cls)}
        )


def shrunken_means(
    values: Floats, category: Ints, categories: int, prior: float, weights: Floats | None = None
) -> Floats:
    """[categories + 1, ...] mean of each category, drawn towards the overall mean, which is also the last row.

    Args:
        values: [n, ...].
        category: [n].
        categories: their number.
        prior: weight of the overall mean.
        weights: [n, ...] of the values; 1 by default.
    """
    weights = np.ones_like(values) if weights is None else weights
    weighted = values * weights
    total = weighted.sum(0) / np.maximum(weights.sum(0), 1e-9)
    sums = np.zeros((categories + 1, *values.shape[1:]))
    counts = np.zeros_like(sums)
    np.add.at(sums, category, weighted)
    np.add.at(counts, category, weights)
    means: Floats = (sums + prior * total) / (counts + prior)
    return means


def _means(responses: Responses, view: Floats, rows: Ints, prior: float) -> Mapping[str, Floats]:
    """The means of each category over these rows; every array begins with [categories + 1]."""
    category = responses.category[rows]
    categories = int(responses.category.max()) + 1

    def mean(values: Floats, weights: Floats | None = None) -> Floats:
        return shrunken_means(values, category, categories, prior, weights)

    recorded = responses.recorded[rows].astype(float)
    given = responses.answer[rows] >= 0
    count = np.maximum(recorded.sum(2), 1)
    score = responses.score[rows].sum(2) / count
    answered = given.sum(2) / count
    seen = (view[rows] * recorded).sum(2) / count
    has = recorded.max(2)
    means = mean(seen, has)
    spread = np.sqrt(mean((seen - means[category]) ** 2, has))
    length = responses.length[rows][:, None]
    lengths = mean(length)
    found = {
        "score": mean(score),
        "answered": mean(answered),
        "score_if_answered": mean(
            np.clip(score / np.maximum(answered, 1e-9), 0, 1) * (answered > 0), answered
        ),
        "cost": mean(responses.cost[rows].sum(2) / count),
        "view": means,
        "view_spread": np.maximum(spread, _SMALLEST_SPREAD),
        "length": lengths[:, 0],
        "length_spread": np.maximum(
            np.sqrt(mean((length - lengths[category]) ** 2)), _SMALLEST_SPREAD / 2
        )[:, 0],
    }
    return found | _pairs(responses, rows, mean)


def _pairs(responses: Responses, rows: Ints, mean: Callable[..., Floats]) -> dict[str, Floats]:
    """The three tables of pairs."""
    answer, score = responses.answer[rows], responses.score[rows]
    first = answer[:, :, 0]
    both = (first[:, :, None] >= 0) & (first[:, None, :] >= 0)
    same = both & (first[:, :, None] == first[:, None, :])
    # A candidate and its second sample stand where it would meet itself.
    own = np.arange(responses.candidates)
    second = answer[:, :, 1]
    both[:, own, own] = (first >= 0) & (second >= 0)
    same[:, own, own] = both[:, own, own] & (first == second)
    right = np.broadcast_to(score[:, :, :1], same.shape)
    agree, differ = same.astype(float), (both & ~same).astype(float)
    return {
        "agree": mean(agree, both.astype(float)),
        "right_if_agree": mean(right, agree),
        "right_if_not": mean(right, differ),
    }
