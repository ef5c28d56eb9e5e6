"""One-shot routers, cascades and the planner as entrants of a tournament."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from router_r1 import routers
from router_r1.errors import ConfigError
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Reading
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun, TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import Entrant, one_call

if TYPE_CHECKING:
    from router_r1_envs.planner.planner import Planner


def router_entrant(splits: TableSplits, name: str) -> Entrant:
    """A one-shot router or a cascade, fitted on the training questions, with a setting for each level.

    A cascade reads the first sample of each reply that it asks for, and more where it verifies by samples; all calls
    are paid for and counted.

    Args:
        splits: the table.
        name: name and settings as in `router_r1.routers.from_text`, e.g. `knn:k=50`.

    Raises:
        ConfigError: there is no such router, or it cannot be fitted with these settings.
    """
    router = routers.from_text(name)
    known = splits.table.subset(question.id for question in splits.train.questions)
    try:
        router.fit(known)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"router {name!r} cannot be fitted: {error}") from error
    values = {level.name: level.worth_usd for level in splits.levels if level.worth_usd is not None}
    if isinstance(router, Cascade):
        return _cascade_entrant(splits, name, router, values)
    column = {model: place for place, model in enumerate(splits.table.names)}
    predictions: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def predict(arrays: TableArrays) -> tuple[Any, Any]:
        ids = tuple(question.id for question in arrays.questions)
        if ids not in predictions:
            # The router was fitted on texts without options, so it must be asked such texts.
            asked = [splits.table.question(question_id) for question_id in ids]
            predictions[ids] = router.scores(asked), router.costs(asked)
        return predictions[ids]

    def run(arrays: TableArrays, level: str) -> RouterRun:
        models = router.decide(*predict(arrays), values[level])
        return one_call(arrays, np.array([column[model] for model in models], dtype=np.int64))

    def predict_scores(arrays: TableArrays) -> Any:
        return np.asarray(predict(arrays)[0])

    return Entrant(name, "router", tuple(splits.sensitivities), run, predict_scores)


def _cascade_entrant(
    splits: TableSplits, name: str, cascade: Cascade, values: Mapping[str, float]
) -> Entrant:
    """A fitted cascade; `values` has the worth of a right answer at each level."""
    readings: dict[tuple[str, ...], Reading] = {}

    def read(arrays: TableArrays) -> Reading:
        ids = tuple(question.id for question in arrays.questions)
        if ids not in readings:  # the same replies at every level
            asked = [splits.table.question(question_id) for question_id in ids]
            readings[ids] = cascade.read(splits.table, asked)
        return readings[ids]

    def run(arrays: TableArrays, level: str) -> RouterRun:
        played = cascade.play(read(arrays), values[level])
        return RouterRun(played.score, played.cost, played.calls)

    def predict_scores(arrays: TableArrays) -> Any:
        return read(arrays).prior

    return Entrant(name, "router", tuple(splits.sensitivities), run, predict_scores)


def planner_entrant(planner: Planner) -> Entrant:
    """The planner, with a setting for each level."""
    return Entrant("planner", "router", tuple(planner.splits.sensitivities), planner.run)
