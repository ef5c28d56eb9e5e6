"""Imitation: from random weights to a policy for a recorded world that acts as the planner does.

`planner_demonstrations` makes the demonstrations; reinforcement learning continues from the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from router_r1.config import RandomSeed, StrictModel
from router_r1_envs.planner.planner import Planner
from router_r1_envs.supervised.demonstrations import to_example
from router_r1_envs.supervised.planner_demonstrations import (
    demonstrations,
    mask_routes,
    words_of_thoughts,
)
from router_r1_envs.supervised.progress import Stage
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_envs.worlds.trained_in import TrainedIn

Count = Annotated[int, Field(ge=1)]

_DECAY = 0.5


class ImitationConfig(StrictModel):
    """How a policy imitates the planner. The defaults are for one CPU core."""

    seed: RandomSeed = 0
    """Seed of the weights, the labels and the order."""
    copies: Count = 1
    """Demonstrations per question and level, each with different labels of answers."""
    detours: Annotated[int, Field(ge=0)] = 2
    """Further demonstrations per question and level that begin with candidates drawn so that half of them disagree."""
    steps: Count = 1500
    """Optimiser steps."""
    batch_size: Count = 64
    """Sequences per step."""
    hidden: Count = 128
    """Hidden size of the policy."""
    layers: Count = 4
    """Layers of the policy."""


def imitate(
    world: RecordedWorld,
    planner: Planner,
    folder: str | Path,
    settings: ImitationConfig | None = None,
    on_stage: Callable[[Stage], None] | None = None,
) -> dict[str, Any]:
    """Make a policy, train it on demonstrations of the planner, and save it.

    Args:
        world: where the demonstrations come from.
        planner: fitted on this world.
        folder: where the policy is saved.
        settings: size and training of the policy; the defaults of `ImitationConfig` by default.
        on_stage: called when a stage begins, and with its progress.

    Returns:
        The final loss in `losses`, the number of demonstrations, the tokens of the longest opening and episode, the number of
        parameters, and the settings.

    Raises:
        ConfigError: the planner cannot be played in this world, see `demonstrations`.
    """
    from router_r1_envs.supervised.training_loop import train

    settings = settings or ImitationConfig()
    report_stage = on_stage or (lambda stage: None)
    report_stage(Stage("demonstrations"))
    copies, detours, seed = settings.copies, settings.detours, settings.seed
    episodes = list(demonstrations(world, planner, copies=copies, detours=detours, seed=seed))
    texts = (f"{e.opening[-1]['content']} {e.transcript}" for e, _ in episodes)
    tokenizer = make_tokenizer(texts, known=_known_words(world))
    examples = [
        mask_routes(to_example(episode, tokenizer), tokenizer, decision.prescribed)
        for episode, decision in episodes
    ]
    model = make_model(tokenizer, hidden=settings.hidden, layers=settings.layers, seed=seed)
    loss = train(
        model,
        examples,
        steps=settings.steps,
        batch_size=settings.batch_size,
        decay=_DECAY,
        seed=seed,
        on_progress=lambda progress: report_stage(Stage("imitation", progress)),
    )
    save_policy(model, tokenizer, folder)
    TrainedIn.of(world).write(folder)
    return {
        "losses": {"imitation": loss},
        "demonstrations": len(examples),
        "longest_opening": max(example.mask.index(1) for example in examples),
        "longest_episode": max(len(example.ids) for example in examples),
        "parameters": sum(p.numel() for p in model.parameters()),
        "settings": settings.model_dump(),
    }


def _known_words(world: RecordedWorld) -> Iterator[str]:
    """Words that become one token however rare they are in the demonstrations."""
    yield from world.table.names
    for group in world.groups:
        yield from group.split()
    yield from words_of_thoughts()
    yield from world.answer_view.words()
