"""Baselines that read answers by a fixed rule: a sequential vote, and a cascade with a referee.

    sequential naive Bayes vote         ask in a fixed order until the weighted vote leads clearly
    ask two, escalate on disagreement   ask two models; where they disagree, ask a third and believe it

Both are tuned on the training questions, for each level of the table.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant

SEQUENTIAL_VOTE = "sequential naive Bayes vote"
CASCADE = "ask two, escalate on disagreement"
_PRIOR = 3.0  # pseudo-counts of right and of wrong answers
_SHORTLIST = 6  # maximum number of models that the vote considers
_LONGEST = 4  # maximum number of calls of a vote
_MARGINS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 99.0)

Steps = tuple[Floats, Floats, Floats]
"""After each call of a vote, each [calls, n]: score of the response that first gave the leading answer (of the
first call, if none gave an answer), the leader's margin in log odds, dollars so far."""


def voting_baselines(splits: TableSplits) -> list[Entrant]:
    """The vote (for two or more models) and the cascade (for three or more); neither for a table without answers."""
    models = len(splits.table.names)
    if not (splits.train.answer >= 0).any():  # a table of scores alone
        return []
    found: list[Entrant] = []
    if models >= 2:
        found.append(_by_level(SEQUENTIAL_VOTE, _sequential_votes(splits)))
    if models >= 3:
        found.append(_by_level(CASCADE, _cascades(splits)))
    return found


def _by_level(name: str, runs: dict[str, Callable[[TableArrays], RouterRun]]) -> Entrant:
    return Entrant(name, "baseline", tuple(runs), lambda arrays, level: runs[level](arrays))


# --- sequential naive Bayes vote


def _sequential_votes(splits: TableSplits) -> dict[str, Callable[[TableArrays], RouterRun]]:
    """For each level, the order of models and the margin with the best training utility."""
    train = splits.train
    odds = _log_odds(train)
    best: dict[str, tuple[float, tuple[int, ...], float]] = {}
    shortlist = _shortlist(train)
    for length in range(2, min(_LONGEST, len(shortlist)) + 1):
        for order in itertools.permutations(shortlist, length):
            steps = vote_steps(train, odds, order)
            for margin in _MARGINS:
                run = stop_at_margin(steps, margin)
                for level, sensitivity in splits.sensitivities.items():
                    net = run.utility(sensitivity, splits.reference_usd)
                    if level not in best or net > best[level][0]:
                        best[level] = (net, order, margin)
    return {
        level: lambda arrays, order=order, margin=margin: stop_at_margin(  # type: ignore[misc]
            vote_steps(arrays, odds, order), margin
        )
        for level, (_, order, margin) in best.items()
    }


def _log_odds(train: TableArrays) -> Floats:
    """[categories + 1, m] log odds that a model's answer is right; the last row is for an unseen category."""
    right = (train.answer >= 0) * train.score
    overall = (right.sum(0) + _PRIOR) / (len(train) + 2 * _PRIOR)
    places = int(train.category.max()) + 2
    rates = np.tile(overall, (places, 1))
    for c in range(places - 1):
        here = train.category == c
        # With few questions in a category, the rate stays close to the model's overall rate.
        rates[c] = (right[here].sum(0) + 2 * _PRIOR * overall) / (here.sum() + 2 * _PRIOR)
    odds: Floats = np.log(rates / (1 - rates))
    return odds


def _shortlist(train: TableArrays) -> list[int]:
    """The models on the Pareto front of cost and score first, then the others by score."""
    costs, scores = train.cost.mean(0), train.score.mean(0)
    front = [j for j in range(len(costs)) if not ((costs < costs[j]) & (scores >= scores[j])).any()]
    others = [int(j) for j in np.argsort(-scores) if j not in front]
    return (sorted(front, key=lambda j: -scores[j]) + others)[:_SHORTLIST]


def vote_steps(arrays: TableArrays, odds: Floats, order: Sequence[int]) -> Steps:
    """The vote after each call.

    Args:
        arrays: n questions.
        odds: [categories, m] weight of each model's vote in each category.
        order: the models, in the order they are asked.
    """
    rows = np.arange(len(arrays))
    weights = (
        odds[np.minimum(arrays.category, len(odds) - 1)]
        + np.log(np.maximum(arrays.options - 1, 1))[:, None]
    )
    # An answer without votes cannot lead, even if the weights of all votes so far are negative.
    tally: Floats = np.full(arrays.answer.shape, -np.inf)
    voiced = np.full(arrays.answer.shape, order[0])  # who gave each answer first
    cost = np.zeros(len(arrays))
    values, margins, costs = [], [], []
    for model in order:
        given = arrays.answer[:, model]
        voted = given >= 0
        before = tally[rows[voted], given[voted]]
        new = np.isinf(before)
        voiced[rows[voted][new], given[voted][new]] = model
        tally[rows[voted], given[voted]] = np.where(new, 0.0, before) + weights[voted, model]
        cost = cost + arrays.cost[:, model]
        leader = tally.argmax(1)
        best = tally.max(1)
        answered = np.isfinite(best)
        # If no second answer has votes, the leader is compared with 0.
        second = np.zeros(len(arrays))
        if tally.shape[1] > 1:
            runner_up = np.partition(tally, -2, axis=1)[:, -2]
            second = np.where(np.isfinite(runner_up), runner_up, 0.0)
        margins.append(np.where(answered, np.where(answered, best, 0.0) - second, 0.0))
        speaker = np.where(answered, voiced[rows, leader], order[0])
        values.append(arrays.score[rows, speaker])
        costs.append(cost)
    return np.array(values), np.array(margins), np.array(costs)


def stop_at_margin(steps: Steps, margin: float) -> RouterRun:
    """Stop at the first call after which the leader is ahead by `margin`, or at the last call."""
    values, margins, costs = steps
    enough = margins >= margin
    enough[-1] = True
    last = enough.argmax(0)
    rows = np.arange(values.shape[1])
    return RouterRun(values[last, rows], costs[last, rows], last + 1.0)


# --- cascade


def _cascades(splits: TableSplits) -> dict[str, Callable[[TableArrays], RouterRun]]:
    """For each level, the pair and the referee with the best training utility."""
    models = range(len(splits.table.names))
    best: dict[str, tuple[float, tuple[int, int, int]]] = {}
    for pair in itertools.combinations(models, 2):
        for referee in set(models) - set(pair):
            run = cascade(splits.train, *pair, referee)
            for level, sensitivity in splits.sensitivities.items():
                net = run.utility(sensitivity, splits.reference_usd)
                if level not in best or net > best[level][0]:
                    best[level] = (net, (*pair, referee))
    return {
        level: lambda arrays, trio=trio: cascade(arrays, *trio)  # type: ignore[misc]
        for level, (_, trio) in best.items()
    }


def cascade(arrays: TableArrays, first: int, second: int, referee: int) -> RouterRun:
    """Believe two models if they agree, else the referee, or the first model if the referee gives no answer.

    Args:
        arrays: n questions.
        first, second, referee: columns of the models.
    """
    answer = arrays.answer
    agree = (answer[:, first] == answer[:, second]) & (answer[:, first] >= 0)
    alone = arrays.score[:, first]
    referred = np.where(answer[:, referee] >= 0, arrays.score[:, referee], alone)
    cost = arrays.cost[:, first] + arrays.cost[:, second] + ~agree * arrays.cost[:, referee]
    return RouterRun(np.where(agree, alone, referred), cost, 2.0 + ~agree)
