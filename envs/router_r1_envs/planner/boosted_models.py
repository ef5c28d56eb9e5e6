"""Boosted trees, one model for each fold of the training questions, fitted on the other folds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from router_r1_envs.planner.states import ALL
from router_r1_envs.worlds.recorded_world.table_arrays import Floats, Ints

Predict = Callable[[Any, Floats], Floats]


def trees(estimator: Any, count: int, seed: int) -> Any:
    """An unfitted estimator of scikit-learn's histogram gradient boosting.

    Args:
        estimator: the class.
        count: number of trees.
        seed: seed of the draws.
    """
    return estimator(
        max_iter=count,
        learning_rate=0.07,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def predict_by_fold(models: list[Any], features: Floats, fold: Ints, predict: Predict) -> Floats:
    """[N] predictions, each from the model that was not fitted on its fold; the mean of all models for fold -1.

    Args:
        models: one for each fold.
        features: [N, f].
        fold: [N].
        predict: the prediction of one model, [N, f] to [N].
    """
    found = np.zeros(len(features))
    for part in np.unique(fold):
        here = fold == part
        if part == ALL:
            found[here] = np.mean([predict(model, features[here]) for model in models], 0)
        else:
            found[here] = predict(models[part], features[here])
    return found
