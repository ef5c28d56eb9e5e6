"""Settings of a router chosen by cross-validation on the fitting questions.

Each combination of the values in a router's `grid` is fitted on all folds but one and asked about that one. What counts
is what routing is for: mean score less the price of its cost, averaged over several prices of a dollar.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.progress import show_progress
from router_r1.routers.base import ROUTERS, Router
from router_r1.routers.libraries import np
from router_r1.routers.training_set import TrainingSet

SENSITIVITIES = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Prices of a mean call of the best single model, in points of score, over which the result is averaged."""


@dataclass(frozen=True)
class Trial:
    """One combination of settings, tried."""

    settings: Mapping[str, Any]
    utility: float
    """Mean of `score - sensitivity x cost / mean cost of the best single model` on left-out questions, over
    `SENSITIVITIES`."""


def tune(
    name: str,
    table: OutcomeTable,
    settings: Mapping[str, Any] | None = None,
    *,
    folds: int = 3,
    progress: bool = False,
) -> list[Trial]:
    """Try the combinations of a router's `grid`.

    Args:
        name: the router.
        table: the fitting questions.
        settings: of the router; those in `grid` are not tried but stay as they are.
        folds: parts of the questions, by a hash of their content, so that copies stay together; 2 or more.
        progress: whether to show progress on standard error.

    Returns:
        All trials, best first; among equals, the one closest to the front of the grid.

    Raises:
        ConfigError: the router has nothing to tune, or there are fewer than two folds.
        DataError: a fold would have no question.
    """
    fixed, kind = dict(settings or {}), ROUTERS.find(name)
    grid = {k: v for k, v in getattr(kind, "grid", {}).items() if k not in fixed}
    if not grid:
        raise ConfigError(f"router {name!r} has no setting to tune, or all are given")
    if folds < 2:
        raise ConfigError(f"cross-validation needs 2 folds or more, got {folds}")
    data = TrainingSet.of(table)
    fold = np.array([_fold(repr(q.content_key), folds) for q in data.questions])
    if len(set(fold.tolist())) < folds:
        raise DataError(f"{table.source}: too few questions for {folds} folds")
    reference = data.costs[:, data.scores.mean(0).argmax()].mean()
    combinations = [
        fixed | dict(zip(grid, v, strict=True)) for v in itertools.product(*grid.values())
    ]
    sums = np.zeros(len(combinations))
    with _steps(f"tuning {name}", folds * len(combinations), progress) as advance:
        for number in range(folds):
            ids = [q.id for q, f in zip(data.questions, fold, strict=True) if f != number]
            known = table.subset(ids)
            asked = [q for q, f in zip(data.questions, fold, strict=True) if f == number]
            for place, combination in enumerate(combinations):
                router = kind(**combination).fit(known)
                sums[place] += _utility(router, table, asked, reference)
                advance(0.0)
    order = np.argsort(-sums.round(9), kind="stable")
    return [Trial(combinations[i], float(sums[i] / len(fold))) for i in order]


def _utility(
    router: Router, table: OutcomeTable, asked: Sequence[Question], reference: float
) -> float:
    """Sum over the left-out questions."""
    worths = [math.inf if s == 0 else reference / s for s in SENSITIVITIES]
    replayed = router.replay(table, asked, worths)
    total = 0.0
    for sensitivity, (scores, costs) in zip(SENSITIVITIES, replayed, strict=True):
        value = scores - sensitivity * costs / max(reference, 1e-30)
        total += float(value.sum()) / len(SENSITIVITIES)
    return total


def _fold(content: str, folds: int) -> int:
    digest = hashlib.sha256(f"fold {content}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % folds


@contextlib.contextmanager
def _steps(task: str, total: int, shown: bool) -> Iterator[Callable[[float], None]]:
    if shown:
        with show_progress(task, total, show_cost=False) as advance:
            yield advance
    else:
        yield lambda _: None
