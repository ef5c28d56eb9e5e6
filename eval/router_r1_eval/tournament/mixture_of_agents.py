"""Mixture-of-Agents (arXiv:2406.04692) at what it costs: all models answer, and the best single model reads and answers.

A table does not record what the aggregator makes of the replies, so its answer is taken to be the most frequent one; on
a tie, that of the model with the highest training score. Each layer pays a call of every model, and from the second
layer on each model also reads all replies of the layer before: their output tokens at its price of input. Further
layers change nothing but the cost here, so that the rows say what a layer would have to add. One model's samples in
place of several models, Self-MoA (arXiv:2502.00674), are the row `self-consistency`.
"""

from __future__ import annotations

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant

LAYERS = (1, 3)
"""Layers of proposers before the aggregator; three are the paper's."""
_MILLION = 1e6


def mixture_of_agents(splits: TableSplits) -> list[Entrant]:
    """A row for each number of layers; none for a table without answers or with fewer than three models."""
    if len(splits.table.names) < 3 or not (splits.train.answer >= 0).any():
        return []
    trusted = splits.train.score.mean(0)

    def entrant(layers: int) -> Entrant:
        def run(arrays: TableArrays, _: str) -> RouterRun:
            cost = _cost(splits, arrays, layers)
            calls = np.full(len(arrays), layers * arrays.score.shape[1] + 1.0)
            return RouterRun(most_frequent(arrays, trusted), cost, calls)

        return Entrant(name(layers), "baseline", ("",), run)

    return [entrant(layers) for layers in LAYERS]


def name(layers: int) -> str:
    """Name of a row."""
    return f"mixture of agents, {layers} layer{'s' if layers > 1 else ''}"


def most_frequent(arrays: TableArrays, trusted: Floats) -> Floats:
    """[n] mean score of the replies that give the most frequent answer.

    Args:
        arrays: n questions.
        trusted: [m] decides ties, by the highest of those who give an answer; and whose reply counts if nobody does.
    """
    given = arrays.answer >= 0
    same = (arrays.answer[:, :, None] == arrays.answer[:, None, :]) & given[:, :, None]
    votes = same.sum(2) + trusted / (1 + trusted.max()) * (given | ~given.any(1, keepdims=True))
    leader = votes.argmax(1)
    rows = np.arange(len(votes))
    supporters = same[rows, leader]
    shared = (supporters * arrays.score).sum(1) / np.maximum(supporters.sum(1), 1)
    value: Floats = np.where(given.any(1), shared, arrays.score[rows, leader])
    return value


def _cost(splits: TableSplits, arrays: TableArrays, layers: int) -> Floats:
    """[n] dollars of all calls."""
    table, best = splits.table, splits.best_column
    written = np.zeros(len(arrays))
    for i, question in enumerate(arrays.questions):
        outcomes = (table.outcome(question.id, model) for model in table.names)
        written[i] = sum(outcome.output_tokens for outcome in outcomes if outcome is not None)
    prices = np.array([table.card(model).price.input for model in table.names]) / _MILLION
    reading = written * ((layers - 1) * prices.sum() + prices[best])
    cost: Floats = layers * arrays.cost.sum(1) + arrays.cost[:, best] + reading
    return cost
