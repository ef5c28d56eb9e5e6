"""An entrant of a tournament on a table: a fitted router that can be run on any questions at each of its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from router_r1_envs.worlds.recorded_world.table_arrays import Floats, Ints, RouterRun, TableArrays
from router_r1_eval.results import Kind


@dataclass(frozen=True)
class Entrant:
    """A router, policy or baseline, fitted on the training questions."""

    name: str
    """Name of its row."""
    kind: Kind
    settings: tuple[str, ...]
    """The levels it can be run at; one empty name for an entrant without settings."""
    run: Callable[[TableArrays, str], RouterRun]
    """(questions, setting) -> what it does about them."""
    predict: Callable[[TableArrays], Floats] | None = None
    """[n, m] how good it expects each candidate to be, in any unit; None if it makes no prediction. For two candidates,
    the difference orders the questions that go to the stronger one."""


def one_call(arrays: TableArrays, choice: Ints) -> RouterRun:
    """One call for each question, of candidate `choice` [n]."""
    rows = np.arange(len(arrays))
    return RouterRun(arrays.score[rows, choice], arrays.cost[rows, choice], np.ones(len(arrays)))


def single_model(arrays: TableArrays, column: int) -> RouterRun:
    """One call of the same candidate for every question."""
    return one_call(arrays, np.full(len(arrays), column))
