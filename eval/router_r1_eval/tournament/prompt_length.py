"""Prompt length as a router between two models: long questions go to the stronger one."""

from __future__ import annotations

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant, one_call


def prompt_length(splits: TableSplits) -> list[Entrant]:
    """The threshold with the best training utility at each level; empty unless there are exactly two models."""
    train, strong = splits.train, splits.best_column
    if len(splits.table.names) != 2:
        return []
    lengths, place = np.unique(_lengths(train), return_inverse=True)
    score, cost = (array[:, strong] - array[:, 1 - strong] for array in (train.score, train.cost))
    thresholds = {}
    for level, sensitivity in splits.sensitivities.items():
        gain = np.bincount(place, score - sensitivity * cost / splits.reference_usd)
        # Total gain of all questions at least this long; 0 for a threshold beyond the longest question.
        from_here = np.append(gain[::-1].cumsum()[::-1], 0.0)
        thresholds[level] = np.append(lengths, np.inf)[from_here.argmax()]

    def run(arrays: TableArrays, level: str) -> RouterRun:
        return one_call(arrays, np.where(_lengths(arrays) >= thresholds[level], strong, 1 - strong))

    def predict(arrays: TableArrays) -> Floats:
        found = np.zeros_like(arrays.score)
        found[:, strong] = _lengths(arrays)
        return found

    return [Entrant("prompt length", "baseline", tuple(thresholds), run, predict)]


def _lengths(arrays: TableArrays) -> Floats:
    """[n] characters of each question."""
    return np.array([len(question.question) for question in arrays.questions], dtype=np.float64)
