"""What a policy does on held-out questions: the world plays them, greedily, on the validation questions."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

from router_r1.concurrency import for_each
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.progress import show_progress
from router_r1_envs.cpu_inference.policy import open_policy
from router_r1_envs.supervised.sampling import CONCURRENCY, drawn_level, play_traced
from router_r1_envs.worlds.base import World
from router_r1_reward import CostWindow, RewardConfig, score

_PARTS = {"valid": "valid", "accuracy": "correct", "calls": "calls", "cost_usd": "cost_usd"}


def play_held_out(
    world: World, checkpoint: str | Path, reward: RewardConfig, questions: int, *, seed: int = 0
) -> dict[str, Any]:
    """Play validation questions with a checkpoint, each at one drawn level.

    Args:
        world: where they are played.
        checkpoint: its folder, or its name on the hub.
        reward: scores the episodes.
        questions: how many questions, if the world has that many.
        seed: seed of the levels.

    Returns:
        `questions`; the means `reward`, `valid` (share of episodes with an answer), `accuracy`, `calls` and `cost_usd`;
        and `stopped`, the number of episodes by their stop reason.
    """
    asked = world.questions(Split.VALIDATION, questions)
    policy = open_policy(checkpoint, concurrency=CONCURRENCY)
    played = []

    async def play_all() -> None:
        async def play_one(question: Question) -> None:
            level = drawn_level(world, question, seed)
            played.append((question, await play_traced(world, question, level, policy, {})))
            advance(0.0)

        try:
            await for_each(asked, play_one, concurrency=CONCURRENCY)
        finally:
            await policy.aclose()

    with show_progress("held-out questions", len(asked), show_cost=False) as advance:
        asyncio.run(play_all())
    window = CostWindow.of([trace.cost_usd for _, trace in played])
    scored = [
        score(trace, q.answers, q.metric, reward, question=q, window=window) for q, trace in played
    ]
    reasons = [str(trace.stop_reason) for _, trace in played]
    return {
        "questions": len(played),
        "reward": math.fsum(s.total for s in scored) / len(scored),
        **{
            name: math.fsum(s.parts[part] for s in scored) / len(scored)
            for name, part in _PARTS.items()
        },
        "stopped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }
