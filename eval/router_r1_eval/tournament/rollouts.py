"""Policies play the questions of a world: the same episodes as in training, scored by the same reward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.data.questions import Question
from router_r1.episode import Episode
from router_r1.errors import PolicyError
from router_r1.policies.base import Policy
from router_r1.trace import Trace, TraceWriter
from router_r1_envs.worlds.base import Level, World
from router_r1_envs.worlds.playing import TraceOf, play, unreached
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_reward import CostWindow, RewardConfig, score
from router_r1_reward.formula import Reward

PolicyFor = Callable[[Question], Policy]


@dataclass(frozen=True)
class Rollouts:
    """The episodes of one policy on n questions at one level."""

    episodes: tuple[Episode, ...]
    run: RouterRun
    rewards: tuple[float, ...]
    traces: tuple[Trace, ...]
    """One for each episode; `metadata` has id, gold, category, level, score (of the answer, 0 to 1) and reward."""

    @property
    def reward(self) -> float:
        """Mean reward."""
        return float(np.mean(self.rewards))


async def roll_out_all(
    world: World,
    questions: Sequence[Question],
    level: Level,
    policy_for: PolicyFor,
    reward: RewardConfig,
    *,
    concurrency: int = 256,
) -> Rollouts:
    """Play one episode for each question.

    Args:
        world: makes the episodes, and the pool that answers in them.
        questions: n questions.
        level: the budget or value of every episode.
        policy_for: the policy that plays a question.
        reward: scores the episodes.
        concurrency: episodes at a time.

    Raises:
        PolicyError: the server of a policy could not be reached.
    """
    slots = asyncio.Semaphore(concurrency)

    async def one(question: Question) -> tuple[Episode, TraceOf]:
        async with slots:
            return await play(world, question, level, policy_for(question))

    played = await asyncio.gather(*[one(question) for question in questions])
    problems = [e.stop_detail for e, _ in played if unreached(e)]
    if problems:
        raise PolicyError(
            f"the policy could not be reached in {len(problems)} of {len(questions)} episodes ({problems[0]}); "
            f"figures without them would be wrong, so check its server and start again"
        )
    episodes = tuple(episode for episode, _ in played)
    window = CostWindow.of([e.spent_usd for e in episodes])
    scored = [
        score(e, q.answers, q.metric, reward, question=q, window=window)
        for e, q in zip(episodes, questions, strict=True)
    ]
    run = RouterRun(
        np.array([s.parts["correct"] for s in scored]),
        np.array([s.parts["cost_usd"] for s in scored]),
        np.array([s.parts["calls"] for s in scored]),
    )
    traces = tuple(
        trace_of(metadata=_metadata(question, level, s))
        for (_, trace_of), question, s in zip(played, questions, scored, strict=True)
    )
    return Rollouts(episodes, run, tuple(s.total for s in scored), traces)


def _metadata(question: Question, level: Level, scored: Reward) -> dict[str, Any]:
    """What a trace says about its question and its reward."""
    return {
        "id": question.id,
        "gold": list(question.answers),
        "category": question.category,
        "level": level.name,
        "score": scored.parts["correct"],
        "reward": scored.total,
    }


def write_traces(path: str | Path, played: Iterable[Rollouts]) -> None:
    """Write the traces of these episodes to a file, replacing its content."""
    Path(path).unlink(missing_ok=True)
    with TraceWriter(path) as writer:
        for episodes in played:
            for trace in episodes.traces:
                writer.write(trace)
