"""Policies play the questions of a world: the same episodes as in training, with the same reward; their traces."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.data.questions import Question
from router_r1.episode import Episode, StopReason
from router_r1.errors import PolicyError
from router_r1.ledger import Ledger
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.rollout import roll_out
from router_r1.trace import Trace, TraceWriter
from router_r1.transport.messages import MODEL_FAULTS
from router_r1_envs.worlds.base import Level, World, level_named, start
from router_r1_envs.worlds.recorded_world.arrays import Grid
from router_r1_envs.worlds.recorded_world.runs import Method, Run
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_reward import CostWindow, RewardConfig, score

PolicyFor = Callable[[Question], Policy]


@dataclass(frozen=True)
class Played:
    """A router's episodes on some questions at one level."""

    episodes: tuple[Episode, ...]
    run: Run
    rewards: tuple[float, ...]
    traces: tuple[Trace, ...]
    """Of every episode; `metadata` has id, gold, category, level, score (how right the answer is, 0 to 1) and reward."""

    @property
    def reward(self) -> float:
        """Mean reward."""
        return float(np.mean(self.rewards))


async def play_all(
    world: World,
    questions: Sequence[Question],
    level: Level,
    policy_for: PolicyFor,
    reward: RewardConfig,
    *,
    concurrency: int = 256,
) -> Played:
    """Play every question once. Raises `PolicyError` if a policy's server could not be reached."""
    slots = asyncio.Semaphore(concurrency)

    async def one(question: Question) -> tuple[Episode, Callable[..., Trace]]:
        async with slots:
            policy, ledger = policy_for(question), Ledger()
            began, clock = time.time(), time.monotonic()
            episode = start(world, question, level)
            pool = world.pool(question)
            await roll_out(episode, policy, pool, ledger)
            return episode, partial(
                Trace.of,
                episode,
                ledger,
                policy=policy.name,
                pool_version=pool.version,
                answer=episode.answer,
                aggregation=None,
                started_at=began,
                latency_s=time.monotonic() - clock,
            )

    played = await asyncio.gather(*[one(question) for question in questions])
    unreached = [e.stop_detail for e, _ in played if _unreached(e)]
    if unreached:
        raise PolicyError(
            f"the policy could not be reached in {len(unreached)} of {len(questions)} episodes ({unreached[0]}); figures without "
            f"them would be wrong"
        )
    episodes = tuple(episode for episode, _ in played)
    window = CostWindow.of([e.spent_usd for e in episodes])
    scored = [
        score(e, q.answers, q.metric, reward, question=q, window=window)
        for e, q in zip(episodes, questions, strict=True)
    ]
    run = Run(
        np.array([s.parts["correct"] for s in scored]),
        np.array([s.parts["cost_usd"] for s in scored]),
        np.array([s.parts["calls"] for s in scored]),
    )
    traces = tuple(
        trace(
            metadata={
                "id": question.id,
                "gold": list(question.answers),
                "category": question.category,
                "level": level.name,
                "score": s.parts["correct"],
                "reward": s.total,
            }
        )
        for (_, trace), question, s in zip(played, questions, scored, strict=True)
    )
    return Played(episodes, run, tuple(s.total for s in scored), traces)


def _unreached(episode: Episode) -> bool:
    """Did it end because the policy could not be called? A prompt that is too long for it is its own doing."""
    if episode.stop_reason is not StopReason.POLICY_FAILED:
        return False
    its_own = any(f": {kind.value}: " in (episode.stop_detail or "") for kind in MODEL_FAULTS)
    return not its_own


def write_traces(path: str | Path, played: Iterable[Played]) -> None:
    """Write the traces of these episodes to a file, in place of what it held."""
    Path(path).unlink(missing_ok=True)
    with TraceWriter(path) as writer:
        for episodes in played:
            for trace in episodes.traces:
                writer.write(trace)


class PlayedMethod:
    """A policy as a method, and what its episodes showed beyond accuracy and cost."""

    def __init__(
        self, world: RecordedWorld, policy: Policy, reward: RewardConfig, concurrency: int = 256
    ) -> None:
        self.world, self.policy, self.reward = world, policy, reward
        self.concurrency = concurrency
        self.played: dict[tuple[tuple[str, ...], str], Played] = {}

    def run(self, grid: Grid, setting: str) -> Run:
        """Play every question at this level, once. Raises `PolicyError` if the policy's server failed."""
        key = _key(grid.questions, setting)
        if key not in self.played:
            self.played[key] = asyncio.run(self._play(grid.questions, setting))
        return self.played[key].run

    async def _play(self, questions: Sequence[Question], setting: str) -> Played:
        """Play. Raises `PolicyError` if its server could not be reached."""
        level = level_named(self.world, setting)
        try:
            return await play_all(
                self.world,
                questions,
                level,
                lambda _: self.policy,
                self.reward,
                concurrency=self.concurrency,
            )
        finally:
            if isinstance(self.policy, OpenAIPolicy):
                await self.policy.aclose()  # its connections are of this event loop

    def method(self, name: str) -> Method:
        """A row with a setting for each level."""
        levels = tuple(level.name for level in self.world.levels)
        return Method(name, "agent", levels, self.run)

    def at(self, questions: Sequence[Question], setting: str) -> Played:
        """What was played on these questions at this level. Raises `KeyError` if nothing was."""
        return self.played[_key(questions, setting)]

    def shown(self, questions: Sequence[Question], setting: str) -> dict[str, Any]:
        """Mean reward, share of valid episodes, and the share of the questions for which each candidate was asked."""
        played = self.at(questions, setting)
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


def _key(questions: Sequence[Question], setting: str) -> tuple[tuple[str, ...], str]:
    return tuple(q.id for q in questions), setting
