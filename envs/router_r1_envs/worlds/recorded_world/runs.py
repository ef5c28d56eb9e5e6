"""A router on a table, fitted: it can be run on any questions, at each of its settings, and has a value at every price.

What all that is measured on a table has in common: bars, planner, one-shot routers, policies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from router_r1.errors import ConfigError
from router_r1_envs.worlds.recorded_world.arrays import Floats, Grid
from router_r1_envs.worlds.recorded_world.world import RecordedWorld


@dataclass(frozen=True)
class Run:
    """A router on n questions; all arrays of shape [n]."""

    value: Floats
    """How right its final answer is, 0 to 1."""
    cost: Floats
    """Dollars."""
    calls: Floats
    """Candidates asked."""


@dataclass(frozen=True)
class Method:
    """A router or bar that has been fitted: it can be run on any questions, at each of its settings."""

    name: str
    kind: str
    """`bar`, `router`, `agent` or `oracle`."""
    settings: tuple[str, ...]
    run: Callable[[Grid, str], Run]
    expects: Callable[[Grid], Floats] | None = None
    """[n, m] how right it thinks that each candidate will be, in any unit; None for one that does not say. Between two candidates the
    difference is the order in which questions are given to the stronger one."""


def chosen(grid: Grid, choice: np.typing.NDArray[np.int64]) -> Run:
    """One call for each question: of the candidates `choice` [n]."""
    rows = np.arange(len(grid))
    return Run(grid.score[rows, choice], grid.cost[rows, choice], np.ones(len(grid)))


def single(grid: Grid, model: int) -> Run:
    """One candidate for every question."""
    return chosen(grid, np.full(len(grid), model))


def sensitivities(world: RecordedWorld) -> dict[str, float]:
    """Level name -> the accuracy that one mean call of the best single model must buy.

    Raises:
        ConfigError: no level of the world states a worth.
    """
    found = {
        level.name: world.reference_usd / level.worth_usd
        for level in world.levels
        if level.worth_usd is not None
    }
    if not found:
        raise ConfigError(f"{world.name}: no level states worth_usd; bars and planner need prices")
    return found


def utility(run: Run, sensitivity: float, reference: float) -> float:
    """Mean score less `sensitivity` x cost in units of `reference`."""
    return float(run.value.mean() - sensitivity * run.cost.mean() / reference)
