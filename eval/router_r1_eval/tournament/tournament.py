"""A tournament on an outcome table: policies, planner, one-shot routers and baselines on the same test questions.

Everything is fitted on the training questions and chosen on the validation questions; the test questions give the
figures. `router_r1_eval.results` describes the fields of the results.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from router_r1.errors import ConfigError, DataError
from router_r1.policies.base import Policy
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.results import Results, Row
from router_r1_eval.tournament.baselines import baselines, not_listed
from router_r1_eval.tournament.caveats import caveats
from router_r1_eval.tournament.entrants import Entrant
from router_r1_eval.tournament.episode_folder import EpisodeFolder
from router_r1_eval.tournament.measure import measure
from router_r1_eval.tournament.players import Player
from router_r1_eval.tournament.policy_entrant import PolicyEntrant
from router_r1_eval.tournament.router_entrants import planner_entrant, router_entrant
from router_r1_eval.tournament.summary import table_summary
from router_r1_reward import RewardConfig

if TYPE_CHECKING:
    from router_r1_envs.planner.planner import Planner


@dataclass(frozen=True)
class TableTournament:
    """A tournament on a table, defined by who takes part."""

    world: RecordedWorld
    """Where policies play their episodes."""
    splits: TableSplits
    """The same table, as routers see it."""
    policies: Mapping[str, Policy | Player] = field(default_factory=dict)
    """By name; each plays every test question at every level, and the validation questions that choose its level."""
    episodes: Path | None = None
    """Folder that policies play into, each into a subfolder of its name, and from which an interrupted tournament goes
    on. None: a temporary one."""
    planner: Planner | None = None
    """Fitted on this table."""
    one_shot: Sequence[str] = ()
    """Routers, written as for `router_r1.routers.from_text`."""
    fitted: Sequence[Entrant] = ()
    """Further routers, fitted on the training questions of this table."""

    def hold(
        self, reward: RewardConfig, *, traces: str | Path | None = None, seed: int = 0
    ) -> Results:
        """Fit, choose and measure.

        Args:
            reward: scores the episodes of policies.
            traces: file for the first policy's episodes on the test questions, at its main level.
            seed: seed of the bootstrap.

        Raises:
            ConfigError: an unknown router, or two rows with the same name.
            DataError: some model was not asked every question, and the setting `complete` does not say what to do.
        """
        splits = self.splits
        if splits.incomplete and splits.incomplete_left_out is None:
            raise DataError(
                f"{splits.table.source}: {splits.incomplete} questions were not asked of every model; leave them out "
                f"(--set complete=true), or count missing answers as wrong and free (--set complete=false)"
            )
        with contextlib.ExitStack() as stack:
            episodes = self.episodes or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            played = {
                name: PolicyEntrant(
                    name, EpisodeFolder(episodes / name, self.world, policy), reward
                )
                for name, policy in self.policies.items()
            }
            entrants = self._entrants(played)
            for entrant in played.values():
                entrant.play([*splits.test.questions, *splits.validation.questions])
            results = measure(splits, entrants, seed=seed)
            rows = tuple(
                _with_episodes(row, played[row.name], splits) if row.name in played else row
                for row in results.rows
            )
            if traces is not None and played:
                first = results.rows[0]  # policies come first
                played[first.name].write_traces(Path(traces), splits.test.questions, first.setting)
        return results.with_fields(
            rows=rows,
            not_listed=not_listed(entrants),
            notes=caveats(splits),
            settings=results.settings.with_fields(reward=reward.model_dump()),
        )

    def summary(self, results: Results) -> list[str]:
        """The lines that the command prints."""
        return table_summary(results)

    def _entrants(self, played: Mapping[str, PolicyEntrant]) -> list[Entrant]:
        """Policies, planner, one-shot routers and baselines, in the order of their rows.

        Raises:
            ConfigError: two of them have the same name.
        """
        found = [policy.entrant() for policy in played.values()]
        if self.planner is not None:
            found.append(planner_entrant(self.planner))
        found += [router_entrant(self.splits, name) for name in self.one_shot]
        found += self.fitted
        found += baselines(self.splits)
        counts = Counter(entrant.name for entrant in found)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ConfigError(
                f"duplicate row name {twice[0]!r}; rename the policy with --policy NAME=FOLDER"
            )
        return found


def _with_episodes(row: Row, policy: PolicyEntrant, splits: TableSplits) -> Row:
    """The row of a policy, with the figures that only episodes have at each level."""
    questions = splits.test.questions
    return row.with_fields(
        curve=tuple(
            point.with_fields(**policy.episode_figures(questions, point.setting))
            for point in row.curve
        )
    )
