"""A policy as an entrant on a table: its episodes at every level, read from the folder they were played into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.data.questions import Question
from router_r1.errors import PolicyError
from router_r1.trace import Trace, TraceWriter
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun, TableArrays
from router_r1_eval.tournament.entrants import Entrant
from router_r1_eval.tournament.episode_folder import EpisodeFolder, Task, task_of
from router_r1_reward import CostWindow, RewardConfig, score
from router_r1_reward.formula import Facts, Reward


@dataclass(frozen=True)
class _Played:
    """What figures need of an episode; its trace stays on the disk."""

    facts: Facts
    asked: frozenset[str]
    ending: str
    """Why it ended, in words."""


class PolicyEntrant:
    """A policy in a tournament."""

    def __init__(self, name: str, folder: EpisodeFolder, reward: RewardConfig) -> None:
        """
        Args:
            name: of its row.
            folder: where its episodes are played into.
            reward: scores the episodes.
        """
        self.name, self.folder, self.reward = name, folder, reward
        self._played: dict[Task, _Played] = {}
        self._scored: dict[tuple[Task, ...], list[Reward]] = {}

    def play(self, questions: Iterable[Question]) -> None:
        """Play every question at every level, unless that was done before.

        Raises:
            PolicyError: no episode ended with an answer.
            Others: see `EpisodeFolder.play`.
        """
        levels = [level.name for level in self.folder.world.levels]
        self.folder.play([(question.id, level) for question in questions for level in levels])
        self._played = {task_of(trace): _played(trace) for trace in self.folder.traces()}
        if self._played and not any(p.facts.valid for p in self._played.values()):
            first = next(iter(self._played.values()))
            raise PolicyError(
                f"{self.name} answered in none of {len(self._played)} episodes, so there is nothing to measure; the first "
                f"ended with {first.ending}"
            )

    def entrant(self) -> Entrant:
        """The policy as an entrant, with a setting for each level."""
        levels = tuple(level.name for level in self.folder.world.levels)
        return Entrant(self.name, "agent", levels, self.run)

    def run(self, arrays: TableArrays, level: str) -> RouterRun:
        """What it did about these questions at this level."""
        rewards = self._rewards(arrays.questions, level)
        return RouterRun(
            *(
                np.array([r.parts[part] for r in rewards])
                for part in ("correct", "cost_usd", "calls")
            )
        )

    def episode_figures(self, questions: Sequence[Question], level: str) -> dict[str, Any]:
        """Mean `reward`, share of `valid` episodes, and `asked`: each candidate's share of questions with a call."""
        played = [self._played[question.id, level] for question in questions]
        rewards = self._rewards(questions, level)
        return {
            "reward": float(np.mean([reward.total for reward in rewards])),
            "valid": float(np.mean([reward.parts["valid"] for reward in rewards])),
            "asked": {
                name: round(sum(name in p.asked for p in played) / len(played), 4)
                for name in self.folder.world.table.names
            },
        }

    def write_traces(self, path: Path, questions: Sequence[Question], level: str) -> None:
        """Write the traces of these episodes to a file, with score and reward, in the order of the questions."""
        rewards = dict(zip((q.id for q in questions), self._rewards(questions, level), strict=True))
        traces = {
            trace.metadata["id"]: trace
            for trace in self.folder.traces()
            if trace.metadata["level"] == level and trace.metadata["id"] in rewards
        }
        path.unlink(missing_ok=True)
        with TraceWriter(path) as writer:
            for name, reward in rewards.items():
                traces[name].metadata.update(score=reward.parts["correct"], reward=reward.total)
                writer.write(traces[name])

    def _rewards(self, questions: Sequence[Question], level: str) -> list[Reward]:
        tasks = tuple((question.id, level) for question in questions)
        if tasks not in self._scored:
            self._scored[tasks] = self._score(questions, level)
        return self._scored[tasks]

    def _score(self, questions: Sequence[Question], level: str) -> list[Reward]:
        played = [self._played[question.id, level] for question in questions]
        window = CostWindow.of([p.facts.cost_usd for p in played])
        return [
            score(p.facts, q.answers, q.metric, self.reward, question=q, window=window)
            for p, q in zip(played, questions, strict=True)
        ]


def _played(trace: Trace) -> _Played:
    outcomes = (outcome for turn in trace.turns for outcome in turn.outcomes)
    return _Played(
        Facts.of(trace),
        frozenset(outcome.model for outcome in outcomes if outcome.response),
        f"{trace.stop_reason}: {trace.stop_detail or 'no detail'}",
    )
