"""Plays several episodes of a policy on each training question, and keeps them as traces.

The traces are written as the episodes end, so a sampling that was interrupted continues where it stopped, and what was
paid for serves imitation, preferences and reports alike. All episodes of a question read the same recorded replies, so
that the better one is better by its decisions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from router_r1.concurrency import for_each
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, PolicyError
from router_r1.policies.base import Policy
from router_r1.policies.transformers_policy import TransformersPolicy
from router_r1.trace import Trace, TraceWriter, read_traces
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.base import Level, World
from router_r1_envs.worlds.playing import play, unreached

CONCURRENCY = 32
"""Episodes at a time."""


def sampling_policy(place: str, *, temperature: float, seed: int) -> Policy:
    """The policy that is sampled.

    Args:
        place: an agent file, of which the section `policy` counts, its temperature included; or a checkpoint.
        temperature: of a checkpoint.
        seed: of a checkpoint's sampler.

    Raises:
        ConfigError: no such agent file or checkpoint; or the policy of the agent file is greedy, and would write the
            same episode every time.
    """
    if not place.endswith((".yaml", ".yml")):
        return TransformersPolicy(place, temperature=temperature, seed=seed)
    from router_r1 import config
    from router_r1.agent_file import AgentFile, RouterPolicyConfig

    settings = config.load(AgentFile, Path(place)).policy
    if isinstance(settings, RouterPolicyConfig):
        raise ConfigError(
            f"{place}: policy is a fitted router, which decides the same every time; give one that samples"
        )
    if settings.temperature == 0:
        raise ConfigError(
            f"{place}: policy.temperature is 0, so every try would be the same; set it to 1 to sample"
        )
    policy = settings.build(Path(place))
    policy.check()
    return policy


def drawn_level(world: World, question: Question, seed: int) -> Level:
    """The level that a question is played at."""
    return seeded_random("supervised level", seed, question.id).choice(world.levels)


def sample_episodes(
    world: World,
    questions: Sequence[Question],
    policy: Policy,
    file: Path,
    *,
    tries: int,
    seed: int = 0,
    on_episode: Callable[[float], None] = lambda _: None,
) -> None:
    """Play each question several times at one drawn level, and append the traces to a file.

    Args:
        world: where the episodes are played.
        questions: training questions of the world.
        policy: writes the turns; is closed at the end.
        file: gets the traces, with `id`, `level` and `try` in their metadata. Episodes that it has are not played again.
        tries: episodes per question.
        seed: seed of the levels.
        on_episode: called with the dollars of each new episode.

    Raises:
        PolicyError: the policy could not be called.
    """
    done = set()
    if file.exists():
        done = {(t.metadata.get("id"), t.metadata.get("try")) for t in read_traces(file)}
    wanted = [(q, n) for q in questions for n in range(tries) if (q.id, n) not in done]

    async def play_all() -> None:
        async def play_one(item: tuple[Question, int]) -> None:
            question, number = item
            level = drawn_level(world, question, seed)
            metadata = {"id": question.id, "level": level.name, "try": number}
            trace = await play_traced(world, question, level, policy, metadata)
            writer.write(trace)
            on_episode(trace.cost_usd)

        try:
            await for_each(wanted, play_one, concurrency=CONCURRENCY)
        finally:
            await policy.aclose()

    with TraceWriter(file) as writer:
        asyncio.run(play_all())


async def play_traced(
    world: World, question: Question, level: Level, policy: Policy, metadata: dict[str, object]
) -> Trace:
    """Play one episode, and return its trace.

    Raises:
        PolicyError: the policy could not be called. A prompt that is too long does not count: that is its own failure.
    """
    episode, trace_of = await play(world, question, level, policy)
    if unreached(episode):
        raise PolicyError(
            f"the policy could not be called ({episode.stop_detail}); check its server"
        )
    return trace_of(metadata=metadata)
