"""Look-up by category: what a router gains from the category of a question alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant, one_call

BEST_PER_CATEGORY_BY_PRICE = "best per category, by price"
"""Name of the look-up that also weighs prices; tournaments compare every router with it."""


def category_lookups(splits: TableSplits) -> list[Entrant]:
    """The best model of each category: by training score, and at each level by training score less price."""
    by_price = {
        level: _best_model_of_each_category(splits, sensitivity)
        for level, sensitivity in splits.sensitivities.items()
    }
    by_score = _best_model_of_each_category(splits, 0.0)
    return [
        Entrant(
            "best per category",
            "baseline",
            ("",),
            lambda arrays, _: by_score(arrays),
            _category_means(splits.train),
        ),
        Entrant(
            BEST_PER_CATEGORY_BY_PRICE,
            "baseline",
            tuple(by_price),
            lambda arrays, level: by_price[level](arrays),
        ),
    ]


def _best_model_of_each_category(
    splits: TableSplits, sensitivity: float
) -> Callable[[TableArrays], RouterRun]:
    """Look up the best model of a question's category; for a category unseen in training, the best single model."""
    train = splits.train
    net = train.score - sensitivity * train.cost / splits.reference_usd
    unseen = int(train.category.max()) + 1
    best = [
        net[train.category == c].mean(0).argmax()
        if (train.category == c).any()
        else splits.best_column
        for c in range(unseen + 1)
    ]
    lookup = np.array(best)
    return lambda arrays: one_call(arrays, lookup[np.minimum(arrays.category, unseen)])


def _category_means(train: TableArrays) -> Callable[[TableArrays], Floats]:
    """[n, m] mean training score of each model in a question's category; for an unseen category, over all questions."""
    unseen = int(train.category.max()) + 1
    overall = train.score.mean(0)
    means = np.array(
        [
            train.score[train.category == c].mean(0) if (train.category == c).any() else overall
            for c in range(unseen)
        ]
        + [overall]
    )
    return lambda arrays: means[np.minimum(arrays.category, unseen)]
