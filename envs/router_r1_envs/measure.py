"""Trained policies on a recorded table beside planner and bars: `results.json` with every level as a curve.

A policy is a method like the others: for each level it plays the real episodes, greedily. `bars.measure` does the rest.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_r1.policy import Policy
from router_r1.questions import Question, Split
from router_r1_envs.bars import CAPS, Method, bars, measure
from router_r1_envs.evaluate import Played, play_all
from router_r1_envs.grid import Grid
from router_r1_envs.recorded import RecordedWorld
from router_r1_envs.results import Run
from router_r1_envs.world import level_named
from router_r1_reward import RewardConfig

if TYPE_CHECKING:
    from router_r1_envs.planner import Planner


class PlayedMethod:
    """A policy as a method, and what its episodes showed beyond accuracy and cost."""

    def __init__(
        self, world: RecordedWorld, policy: Policy, reward: RewardConfig, concurrency: int = 256
    ) -> None:
        self.world, self.policy, self.reward = world, policy, reward
        self.concurrency = concurrency
        self.played: dict[tuple[tuple[str, ...], str], Played] = {}

    def run(self, grid: Grid, setting: str) -> Run:
        """Play every question at this level, once."""
        key = _key(grid.questions, setting)
        if key not in self.played:
            level = level_named(self.world, setting)
            self.played[key] = asyncio.run(
                play_all(
                    self.world,
                    grid.questions,
                    level,
                    lambda _: self.policy,
                    self.reward,
                    concurrency=self.concurrency,
                )
            )
        return self.played[key].run

    def method(self, name: str) -> Method:
        """A row with a setting for each level."""
        levels = tuple(level.name for level in self.world.levels)
        return Method(name, "agent", levels, self.run)

    def shown(self, questions: Sequence[Question], setting: str) -> dict[str, Any]:
        """Mean reward, share of valid episodes, and the share of the questions for which each candidate was asked."""
        played = self.played[_key(questions, setting)]
        asked = Counter(
            name
            for episode in played.episodes
            for name in {o.model for t in episode.turns for o in t.outcomes if o.response}
        )
        many = len(played.episodes)
        return {
            "reward": played.reward,
            "valid": sum(e.answer is not None for e in played.episodes) / many,
            "asked": {name: round(asked[name] / many, 4) for name in self.world.table.names},
        }


def measure_policies(
    world: RecordedWorld,
    policies: Mapping[str, Policy],
    planner: Planner | None = None,
    reward: RewardConfig | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of `results.json` for policies, planner and bars, on the test split."""
    played = {
        name: PlayedMethod(world, policy, reward or RewardConfig())
        for name, policy in policies.items()
    }
    methods = [p.method(name) for name, p in played.items()]
    if planner is not None:
        methods.append(planner.method())
    results = measure(world, [*methods, *bars(world)], seed=seed)
    asked = world.questions(Split.TEST)
    for row in results["rows"]:
        if row["name"] in played:
            for point in row["curve"]:
                point |= played[row["name"]].shown(asked, point["setting"])
    results["settings"]["reward"] = (reward or RewardConfig()).model_dump()
    return results


def summary(results: dict[str, Any]) -> list[str]:
    """A line for each router and setting, then one for each router and cap of `bars.CAPS`, its setting chosen by validation."""
    lines = []
    for row in results["rows"]:
        lines += [_line(row["name"], point) for point in row["curve"] or [row]]
    for name in CAPS:
        lines += [
            "",
            f"at no more than {name} (best single model: {results['settings']['best_single']})",
        ]
        for row in results["rows"]:
            if row["curve"]:
                point = row["within"][name]
                lines.append(_line(row["name"], point) if point else f"{row['name']:34s} none is")
    return lines


def _line(name: str, point: dict[str, Any]) -> str:
    """Accuracy, points against the best single model, share of its cost."""
    versus = point["vs_best_single"]
    low, high = (100 * bound for bound in versus["ci95"])
    ratio = "-" if versus["cost_ratio"] is None else f"{versus['cost_ratio']:.2f}"
    return (
        f"{name:34s} {point.get('setting', ''):6s} {point['accuracy']:.3f}  "
        f"{100 * versus['accuracy_diff']:+5.1f} [{low:+.1f}, {high:+.1f}]  "
        f"x{ratio}  calls {point['calls']:.2f}"
    )


def _key(questions: Sequence[Question], setting: str) -> tuple[tuple[str, ...], str]:
    return tuple(q.id for q in questions), setting


def write_results(results: dict[str, Any], folder: str | Path) -> Path:
    """Write `results.json` into a folder."""
    path = Path(folder) / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    return path
