"""Baselines: what a trained router has to beat on a table, chosen on the training questions.

    single models        each of them; `cheapest`, `dearest` (the most expensive) and `best single` repeat three of them
    random               a random candidate: the exact expectation on each question, not a draw. Its interval covers
                         other questions; the interval of a single draw would be wider
    best per category    the model with the highest training score in the category, with and without regard to price
                         (`category_lookup.py`)
    voting_baselines.py  a sequential vote, and a cascade
    mixture_of_agents.py all models, and one that reads their replies
    prompt_length.py     long questions to the stronger of two models
    self_consistency.py  several samples of one model, where the table has them
    oracle               the cheapest of the models with the highest score; no router can know it

A baseline that trades accuracy for price has one setting for each level. To add a baseline, write a function
`(splits) -> list of entrants` and add it to `BASELINES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.category_lookup import category_lookups
from router_r1_eval.tournament.entrants import Entrant, one_call, single_model
from router_r1_eval.tournament.mixture_of_agents import mixture_of_agents
from router_r1_eval.tournament.prompt_length import prompt_length
from router_r1_eval.tournament.self_consistency import self_consistency
from router_r1_eval.tournament.voting_baselines import CASCADE, SEQUENTIAL_VOTE, voting_baselines


def single_models(splits: TableSplits) -> list[Entrant]:
    """Each model for every question, `random`, and three of the models again under the names of their roles."""
    costs = splits.train.cost.mean(0)
    named = {
        **{name: column for column, name in enumerate(splits.table.names)},
        "cheapest": int(costs.argmin()),
        "dearest": int(costs.argmax()),
        "best single": splits.best_column,
    }

    def fixed(name: str, column: int) -> Entrant:
        return Entrant(name, "baseline", ("",), lambda arrays, _: single_model(arrays, column))

    fixed_ones = [fixed(name, column) for name, column in named.items()]
    random = Entrant(
        "random", "baseline", ("",), _random, lambda arrays: np.zeros_like(arrays.score)
    )
    first = len(splits.table.names)
    return [*fixed_ones[:first], random, *fixed_ones[first:]]


def oracle(splits: TableSplits) -> list[Entrant]:
    """The cheapest of the models with the highest score on each question."""
    return [Entrant("oracle", "oracle", ("",), _oracle, lambda arrays: arrays.score)]


BASELINES: tuple[Callable[[TableSplits], Iterable[Entrant]], ...] = (
    single_models,
    category_lookups,
    voting_baselines,
    mixture_of_agents,
    prompt_length,
    self_consistency,
    oracle,
)
"""All baselines, in the order of their rows."""


def baselines(splits: TableSplits) -> list[Entrant]:
    """All baselines that a table can have, fitted on its training questions."""
    return [entrant for make in BASELINES for entrant in make(splits)]


def not_listed(entrants: Iterable[Entrant]) -> dict[str, str]:
    """The baselines that this table cannot have -> what they need."""
    needs = {
        SEQUENTIAL_VOTE: "the short answers of two candidates",
        CASCADE: "the short answers of three candidates",
        "self-consistency": "several recorded answers of a candidate to nearly every question",
    }
    present = {entrant.name for entrant in entrants}
    return {name: f"needs {need}" for name, need in needs.items() if name not in present}


def _random(arrays: TableArrays, _: str) -> RouterRun:
    return RouterRun(arrays.score.mean(1), arrays.cost.mean(1), np.ones(len(arrays)))


def _oracle(arrays: TableArrays, _: str) -> RouterRun:
    right = arrays.score == arrays.score.max(1, keepdims=True)
    return one_call(arrays, np.where(right, arrays.cost, np.inf).argmin(1))
