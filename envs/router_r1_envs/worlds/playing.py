"""Plays one episode of a policy in a world, and makes its trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from router_r1.data.questions import Question
from router_r1.episode import Episode, StopReason
from router_r1.ledger import Ledger
from router_r1.policies.base import Policy
from router_r1.rollout import roll_out
from router_r1.trace import Trace
from router_r1.transport.messages import MODEL_FAULTS
from router_r1_envs.worlds.base import Level, World, start

TraceOf = Callable[..., Trace]
"""(metadata=...) -> the trace of an episode. What it says of the episode may need the scores of others."""


async def play(
    world: World, question: Question, level: Level, policy: Policy
) -> tuple[Episode, TraceOf]:
    """Play one episode to its end, which may be that the policy could not be called: see `unreached`.

    Args:
        world: makes the episode, and the pool that answers in it.
        question: a question of this world.
        level: the budget or value of the episode.
        policy: writes the turns.
    """
    ledger = Ledger()
    began, clock = time.time(), time.monotonic()
    episode = start(world, question, level)
    pool = world.pool(question)
    await roll_out(episode, policy, pool, ledger)
    trace_of = partial(
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
    return episode, trace_of


def unreached(episode: Episode) -> bool:
    """Whether the policy could not be called. A prompt that is too long does not count: that is its own failure."""
    if episode.stop_reason is not StopReason.POLICY_FAILED:
        return False
    return not any(f": {kind.value}: " in episode.stop_detail for kind in MODEL_FAULTS)
