"""What a trained router has to beat on a table: bars, chosen on the training questions.

    single models    each; the cheapest, the dearest, and the best one are named
    random           a candidate drawn at random, exactly: its expectation on each question. Its interval is of that, over other questions; that of
                     a single draw would be wider
    best per category    a lookup: the model with the highest training score less its price
    naive Bayes vote     ask in a fixed order until the weighted vote leads clearly
    cascade          ask two; where they disagree, ask a third and believe it
    self-consistency ask one model several times (`repeats.py`), where the table has several samples of a model
    prompt length    long questions to the stronger of two models, where there are two
    oracle           the cheapest model among those that are most right; nobody can know it

Bars that trade accuracy for price have one setting for each level of the world. `not_listed` says which a table can not have.

Not covered: routers that learn from texts (`router_r1.routers`), the planner, policies; measuring (`tournament.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.arrays import Floats, Grid
from router_r1_envs.worlds.recorded_world.runs import (
    Method,
    Run,
    chosen,
    sensitivities,
    single,
    utility,
)
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.tournament.self_consistency import self_consistency

_PRIOR = 3.0  # right and wrong answers every model is given before counting
_SHORTLIST = 6
_LONGEST = 4
_MARGINS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 99.0)

LABEL = "best per category, by price"
"""The bar that knows a question's category, and nothing else of it."""


def bars(world: RecordedWorld) -> list[Method]:
    """All bars of a world, fitted on its training questions."""
    train = Grid.of(world, world.questions(Split.TRAIN))
    reference, levels = world.reference_usd, sensitivities(world)
    names = world.table.names
    costs = train.cost.mean(0)
    best = names.index(world.best_single)

    def fixed(
        name: str,
        run: Callable[[Grid], Run],
        kind: str = "bar",
        expects: Callable[[Grid], Floats] | None = None,
    ) -> Method:
        return Method(name, kind, ("",), lambda grid, _: run(grid), expects)

    methods = [fixed(name, lambda g, j=j: single(g, j)) for j, name in enumerate(names)]  # type: ignore[misc]
    cheap, dear = int(costs.argmin()), int(costs.argmax())
    methods += [
        fixed("random", _random, expects=lambda g: np.zeros_like(g.score)),
        fixed("cheapest", lambda g: single(g, cheap)),
        fixed("dearest", lambda g: single(g, dear)),
        fixed("best single", lambda g: single(g, best)),
        fixed(
            "best per category",
            _per_category(train, 0.0, reference, best),
            expects=_category_means(train),
        ),
    ]
    curves = {LABEL: {n: _per_category(train, s, reference, best) for n, s in levels.items()}}
    # Who agrees with whom can not be seen in a table of scores alone.
    answered = bool((train.answer >= 0).any())
    if answered and len(names) >= 2:
        curves["sequential naive Bayes vote"] = _votes(train, levels, reference)
    if answered and len(names) >= 3:
        curves["ask two, escalate on disagreement"] = _cascades(train, levels, reference)
    for name, runs in curves.items():
        methods.append(Method(name, "bar", tuple(levels), lambda g, s, runs=runs: runs[s](g)))  # type: ignore[misc]
    if len(names) == 2:
        methods.append(_by_length(train, levels, reference, best))
    if answered and (repeated := self_consistency(world)) is not None:
        methods.append(repeated)
    return [*methods, fixed("oracle", _oracle, "oracle", lambda g: g.score)]


def not_listed(methods: Sequence[Method]) -> dict[str, str]:
    """Which bars a world does not have, and what they would need."""
    needs = {
        "sequential naive Bayes vote": "the short answers of two candidates",
        "ask two, escalate on disagreement": "the short answers of three candidates",
        "self-consistency": "several recorded answers of a candidate to nearly every question",
    }
    there = {method.name for method in methods}
    return {name: f"needs {need}" for name, need in needs.items() if name not in there}


def _random(grid: Grid) -> Run:
    return Run(grid.score.mean(1), grid.cost.mean(1), np.ones(len(grid)))


def _oracle(grid: Grid) -> Run:
    right = grid.score == grid.score.max(1, keepdims=True)
    choice = np.where(right, grid.cost, np.inf).argmin(1)
    return chosen(grid, choice)


def _per_category(
    train: Grid, sensitivity: float, reference: float, fallback: int
) -> Callable[[Grid], Run]:
    """The best model of each category; `fallback` where training had none of it."""
    net = train.score - sensitivity * train.cost / reference
    places = int(train.category.max()) + 1
    lookup = np.array(
        [
            net[train.category == c].mean(0).argmax() if (train.category == c).any() else fallback
            for c in range(places + 1)
        ]
    )
    return lambda grid: chosen(grid, lookup[np.minimum(grid.category, places)])


def _category_means(train: Grid) -> Callable[[Grid], Floats]:
    """What each model scored in a question's category; its overall mean where training had none of it."""
    places = int(train.category.max()) + 1
    overall = train.score.mean(0)
    means = np.array(
        [
            train.score[train.category == c].mean(0) if (train.category == c).any() else overall
            for c in range(places)
        ]
        + [overall]
    )
    return lambda grid: means[np.minimum(grid.category, places)]


# --- prompt length


def _by_length(train: Grid, levels: dict[str, float], reference: float, strong: int) -> Method:
    """The stronger of two models for questions from a length on; for each level the length with the best training utility."""
    lengths, place = np.unique(_lengths(train), return_inverse=True)
    score, cost = (array[:, strong] - array[:, 1 - strong] for array in (train.score, train.cost))
    best = {}
    for name, sensitivity in levels.items():
        gained = np.bincount(place, score - sensitivity * cost / reference)
        from_here = np.append(gained[::-1].cumsum()[::-1], 0.0)  # behind all lengths: none is sent
        best[name] = np.append(lengths, np.inf)[from_here.argmax()]

    def expects(grid: Grid) -> Floats:
        found = np.zeros_like(grid.score)
        found[:, strong] = _lengths(grid)
        return found

    return Method(
        "prompt length",
        "bar",
        tuple(levels),
        lambda grid, level: _longer(grid, strong, best[level]),
        expects,
    )


def _longer(grid: Grid, strong: int, length: float) -> Run:
    return chosen(grid, np.where(_lengths(grid) >= length, strong, 1 - strong))


def _lengths(grid: Grid) -> Floats:
    """[n] characters of each question."""
    return np.array([len(question.question) for question in grid.questions], dtype=np.float64)


# --- naive Bayes vote


def _votes(
    train: Grid, levels: dict[str, float], reference: float
) -> dict[str, Callable[[Grid], Run]]:
    """For each level the order and the margin with the best training utility; empty for one model."""
    right = (train.answer >= 0) * train.score
    overall = (right.sum(0) + _PRIOR) / (len(train) + 2 * _PRIOR)
    places = int(train.category.max()) + 2
    rates = np.tile(overall, (places, 1))
    for c in range(places - 1):
        here = train.category == c
        # A few questions of a category say little: start from the model's overall rate.
        rates[c] = (right[here].sum(0) + 2 * _PRIOR * overall) / (here.sum() + 2 * _PRIOR)
    odds = np.log(rates / (1 - rates))
    # On the front of price and score first, then by score.
    costs, scores = train.cost.mean(0), train.score.mean(0)
    front = [j for j in range(len(costs)) if not ((costs < costs[j]) & (scores >= scores[j])).any()]
    others = [j for j in np.argsort(-scores) if j not in front]
    shortlist = (sorted(front, key=lambda j: -scores[j]) + others)[:_SHORTLIST]
    best: dict[str, tuple[float, tuple[int, ...], float]] = {}
    longest = min(_LONGEST, len(shortlist))
    for length in range(2, longest + 1):
        for order in itertools.permutations(shortlist, length):
            steps = _vote_steps(train, odds, order)
            for margin in _MARGINS:
                run = _stop(steps, margin)
                for name, sensitivity in levels.items():
                    net = utility(run, sensitivity, reference)
                    if name not in best or net > best[name][0]:
                        best[name] = (net, order, margin)
    return {
        name: lambda grid, order=order, margin=margin: _stop(  # type: ignore[misc]
            _vote_steps(grid, odds, order), margin
        )
        for name, (_, order, margin) in best.items()
    }


def _vote_steps(grid: Grid, odds: Floats, order: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Value, margin of the leader and dollars so far, each [steps, n], after each call in this order."""
    rows = np.arange(len(grid))
    weights = (
        odds[np.minimum(grid.category, len(odds) - 1)]
        + np.log(np.maximum(grid.options - 1, 1))[:, None]
    )
    # What nobody has said so far can not lead, however much those who said something are distrusted.
    tally = np.full_like(grid.value, -np.inf)
    cost = np.zeros(len(grid))
    values, margins, costs = [], [], []
    for model in order:
        given = grid.answer[:, model]
        voted = given >= 0
        before = tally[rows[voted], given[voted]]
        tally[rows[voted], given[voted]] = (
            np.where(np.isinf(before), 0.0, before) + weights[voted, model]
        )
        cost = cost + grid.cost[:, model]
        leader = tally.argmax(1)
        best = tally.max(1)
        said = np.isfinite(best)
        # Against what has no vote at all, which weighs nothing.
        second = np.zeros(len(grid))
        if tally.shape[1] > 1:
            runner_up = np.partition(tally, -2, axis=1)[:, -2]
            second = np.where(np.isfinite(runner_up), runner_up, 0.0)
        margins.append(np.where(said, np.where(said, best, 0.0) - second, 0.0))
        values.append(grid.value[rows, leader] * said)
        costs.append(cost)
    return np.array(values), np.array(margins), np.array(costs)


def _stop(steps: tuple[Floats, Floats, Floats], margin: float) -> Run:
    """Stop at the first call after which the leader is ahead by `margin`, else at the last."""
    values, margins, costs = steps
    enough = margins >= margin
    enough[-1] = True
    last = enough.argmax(0)
    rows = np.arange(values.shape[1])
    return Run(values[last, rows], costs[last, rows], last + 1.0)


# --- cascade


def _cascades(
    train: Grid, levels: dict[str, float], reference: float
) -> dict[str, Callable[[Grid], Run]]:
    """For each level the two to ask and the referee with the best training utility; empty below three models."""
    models = range(train.score.shape[1])
    best: dict[str, tuple[float, tuple[int, int, int]]] = {}
    for pair in itertools.combinations(models, 2):
        for referee in set(models) - set(pair):
            run = _cascade(train, *pair, referee)
            for name, sensitivity in levels.items():
                net = utility(run, sensitivity, reference)
                if name not in best or net > best[name][0]:
                    best[name] = (net, (*pair, referee))
    return {
        name: lambda grid, trio=trio: _cascade(grid, *trio)  # type: ignore[misc]
        for name, (_, trio) in best.items()
    }


def _cascade(grid: Grid, first: int, second: int, referee: int) -> Run:
    """Two that agree are believed; else the referee is, and the first where the referee has no answer."""
    said = grid.answer
    agree = (said[:, first] == said[:, second]) & (said[:, first] >= 0)
    alone = grid.score[:, first]
    referred = np.where(said[:, referee] >= 0, grid.score[:, referee], alone)
    cost = grid.cost[:, first] + grid.cost[:, second] + ~agree * grid.cost[:, referee]
    return Run(np.where(agree, alone, referred), cost, 2.0 + ~agree)
