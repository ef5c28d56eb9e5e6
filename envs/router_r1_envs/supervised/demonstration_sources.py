"""Where the episodes come from that an existing checkpoint imitates, or whose better ones it learns to prefer.

traces          files of episodes, of `eval`, a tournament or an earlier sampling
policy          episodes that a prompted policy samples: an agent file's, or a checkpoint
table           the planner's decisions about the training questions of an outcome table
generated       the best of several episodes of a random router, which knows no skills
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1.progress import show_progress
from router_r1_envs.supervised.checkpoint_imitation import Demonstration
from router_r1_envs.supervised.demonstrations import best_of
from router_r1_envs.supervised.planner_demonstrations import drawn_demonstrations, fitted_planner
from router_r1_envs.supervised.sampling import sample_episodes, sampling_policy
from router_r1_envs.supervised.scored_episodes import (
    ScoredEpisode,
    best_episodes,
    score_traces,
    trace_files,
)
from router_r1_envs.supervised.tuning_config import ImitateConfig, SamplingSettings
from router_r1_envs.worlds.base import World
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_reward import RewardConfig

EPISODES = "episodes.jsonl"
"""The file of sampled episodes, in the folder of the result."""
PLANNER = "planner.skops"


def scored_episodes(
    world: World,
    reward: RewardConfig,
    out: Path,
    settings: SamplingSettings,
    *,
    policy: str | None,
    traces: Sequence[Path],
    seed: int,
    left_out: Counter[str],
) -> list[ScoredEpisode]:
    """Episodes of training questions with their rewards: those of traces, or those that a policy samples now.

    Args:
        world: where the episodes are played, and what decides how a trace is read.
        reward: scores them.
        out: gets the sampled episodes, in `episodes.jsonl`; those that it has are not sampled again.
        settings: how many are sampled.
        policy: an agent file or a checkpoint; not used with `traces`.
        traces: files of traces, or folders of runs.
        seed: seed of levels and sampler.
        left_out: counts the traces that cannot be used.
    """
    if traces:
        questions = world.questions(Split.TRAIN)
        return score_traces(world, questions, trace_files(traces), reward, left_out)
    assert policy is not None, "the caller gives one of the two"
    questions = world.questions(Split.TRAIN, settings.questions)
    total, file = len(questions) * settings.tries, out / EPISODES
    sampled = sampling_policy(policy, temperature=settings.temperature, seed=seed)
    with show_progress(f"sampling {sampled.name}", total) as advance:
        sample_episodes(
            world,
            questions,
            sampled,
            file,
            tries=settings.tries,
            seed=seed,
            on_episode=advance,
        )
    return score_traces(world, questions, [file], reward, left_out)


def demonstrations_of(
    world: World,
    reward: RewardConfig,
    out: Path,
    settings: ImitateConfig,
    *,
    policy: str | None,
    traces: Sequence[Path],
    left_out: Counter[str],
) -> Iterator[Demonstration]:
    """The episodes to imitate.

    Args:
        world: where they are played.
        reward: chooses the best ones.
        out: gets the planner, or the sampled episodes.
        settings: how many, and which.
        policy: sampled, if given.
        traces: read, if given.
        left_out: counts the episodes that are not imitated, by reason.

    Raises:
        ConfigError: the world has no demonstrations of its own, and neither a policy nor traces are given.
    """
    seed = settings.seed
    if policy is not None or traces:
        found = scored_episodes(
            world,
            reward,
            out,
            settings,
            policy=policy,
            traces=traces,
            seed=seed,
            left_out=left_out,
        )
        chosen = best_episodes(found, settings.keep, settings.per_question, left_out)
        yield from map(Demonstration, chosen)
    elif isinstance(world, RecordedWorld):
        planner = fitted_planner(world, out / PLANNER, seed)
        drawn = drawn_demonstrations(
            world,
            planner,
            settings.max_examples,
            detours=settings.detours,
            copy_question=settings.copy_question,
            seed=seed,
        )
        for episode, decision in drawn:
            yield Demonstration(episode, decision.prescribed)
    elif isinstance(world, GeneratedWorld):
        questions = world.questions(Split.TRAIN, settings.questions)
        explored = best_of(world, questions, reward, tries=settings.tries, seed=seed)
        yield from map(Demonstration, explored)
    else:
        raise ConfigError(
            f"{world.name} has no demonstrations of its own; give --policy (an agent file or a checkpoint, which is "
            f"sampled), or --traces"
        )
