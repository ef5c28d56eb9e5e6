"""A tournament on an outcome table: policies, planner, one-shot routers and baselines on the same test questions.

Everything is fitted on the training questions and chosen on the validation questions; the test questions give the figures. The fields of
the results are described in `router_r1_eval.results`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from router_r1.errors import ConfigError, DataError
from router_r1.policies.base import Policy
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.results import Point, Results
from router_r1_eval.tournament.baselines import baselines, not_listed
from router_r1_eval.tournament.caveats import caveats
from router_r1_eval.tournament.entrants import Entrant
from router_r1_eval.tournament.measure import measure
from router_r1_eval.tournament.rollouts import PolicyRollouts, write_traces
from router_r1_eval.tournament.routers import planner_entrant, router_entrant
from router_r1_reward import RewardConfig

if TYPE_CHECKING:
    from router_r1_envs.planner.planner import Planner


def table_tournament(
    world: RecordedWorld,
    splits: TableSplits,
    policies: Mapping[str, Policy] | None = None,
    planner: Planner | None = None,
    one_shot: Sequence[str] = (),
    reward: RewardConfig | None = None,
    *,
    traces: str | Path | None = None,
    seed: int = 0,
) -> Results:
    """Hold a tournament.

    Args:
        world: where policies play their episodes.
        splits: the same table, as routers see it.
        policies: by name; each plays every test question at every level, and the validation questions that choose its level.
        planner: fitted on this table.
        one_shot: routers as in `router_r1.routers.from_text`.
        reward: scores the episodes of policies.
        traces: file for the first policy's episodes on the test questions, at its main level.
        seed: seed of the bootstrap.

    Raises:
        ConfigError: an unknown router, or two rows with one name.
        DataError: some model was not asked every question, and the world does not say what to do about it.
    """
    if splits.incomplete and splits.incomplete_left_out is None:
        raise DataError(
            f"{splits.table.source}: {splits.incomplete} questions were not asked of every model; leave them out (--set "
            f"complete=true), or count what is missing as wrong and free (--set complete=false)"
        )
    reward = reward or RewardConfig()
    played = {
        name: PolicyRollouts(world, policy, reward) for name, policy in (policies or {}).items()
    }
    entrants = [rollouts.entrant(name) for name, rollouts in played.items()]
    if planner is not None:
        entrants.append(planner_entrant(planner))
    entrants += [router_entrant(splits, name) for name in one_shot]
    entrants += baselines(splits)
    _check_names(entrants)
    results = measure(splits, entrants, seed=seed)
    rows = list(results.rows)
    for place, row in enumerate(rows):
        if row.name in played:
            rows[place] = row.with_fields(
                curve=tuple(_with_episodes(point, played[row.name], splits) for point in row.curve)
            )
    if traces is not None and played:
        first = results.rows[0]  # policies come first
        write_traces(traces, [played[first.name].at(splits.test.questions, first.setting)])
    return results.with_fields(
        rows=tuple(rows),
        not_listed=not_listed(entrants),
        notes=caveats(splits),
        settings=results.settings.with_fields(reward=reward.model_dump()),
    )


def _check_names(entrants: Sequence[Entrant]) -> None:
    counts = Counter(entrant.name for entrant in entrants)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ConfigError(
            f"duplicate row name {twice[0]!r}; rename the policy with --policy NAME=FOLDER"
        )


def _with_episodes(point: Point, rollouts: PolicyRollouts, splits: TableSplits) -> Point:
    """The point of a policy's curve, with what only its episodes show."""
    return point.with_fields(**rollouts.episode_figures(splits.test.questions, point.setting))
