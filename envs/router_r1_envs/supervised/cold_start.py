"""The cold start: from random weights to a policy for the generated world that reinforcement learning can improve.

It has three supervised stages: copies of random names, episodes of a random router, and the best by reward of several
such episodes. `demonstrations` says why each is needed. No stage knows the candidates' skills.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from router_r1.config import RandomSeed, StrictModel
from router_r1.data.splits import Split
from router_r1_envs.supervised.demonstrations import (
    best_of,
    copy_examples,
    explorations,
    to_example,
)
from router_r1_envs.supervised.progress import Stage
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_envs.worlds.trained_in import TrainedIn
from router_r1_reward import RewardConfig

_TOKENIZER_TEXTS = 4000

Steps = Annotated[int, Field(ge=0)]


class ColdStartConfig(StrictModel):
    """How long each stage takes. The defaults are for two CPU cores."""

    seed: RandomSeed = 0
    """Seed of the weights, the demonstrations and their order."""
    copy_steps: Steps = 250
    """Optimiser steps on copies."""
    explore_steps: Steps = 250
    """Optimiser steps on a random router's episodes."""
    best_steps: Steps = 70
    """Optimiser steps on the best of several explorations."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Sequences per step."""
    explore_questions: Annotated[int, Field(ge=1)] = 6000
    """Questions that are explored once."""
    best_questions: Annotated[int, Field(ge=1)] = 4000
    """Questions that are explored several times."""
    tries: Annotated[int, Field(ge=1)] = 8
    """Explorations per question, of which the best is kept."""


def cold_start(
    world: GeneratedWorld,
    reward: RewardConfig,
    folder: str | Path,
    settings: ColdStartConfig | None = None,
    on_stage: Callable[[Stage], None] | None = None,
) -> dict[str, Any]:
    """Make a policy, train it, and save it.

    Args:
        world: where the demonstrations come from.
        reward: chooses the best of several explorations.
        folder: where the policy is saved.
        settings: lengths of the stages.
        on_stage: called when a stage begins, and with its progress.

    Returns:
        The final loss of each stage, the numbers of demonstrations and parameters, and the settings.
    """
    from router_r1_envs.supervised.training_loop import train

    settings = settings or ColdStartConfig()
    report_stage = on_stage or (lambda stage: None)
    report_stage(Stage("demonstrations"))
    questions = world.questions(Split.TRAIN, settings.explore_questions + settings.best_questions)
    first = questions[: settings.explore_questions]
    explored = list(explorations(world, first, seed=settings.seed))
    texts = (f"{e.opening[-1]['content']} {e.transcript}" for e in explored)
    tokenizer = make_tokenizer(itertools.islice(texts, _TOKENIZER_TEXTS))
    model = make_model(tokenizer, seed=settings.seed)
    losses: dict[str, float] = {}

    def run_stage(name: str, examples: Any, steps: int, **options: Any) -> None:
        if steps:
            losses[name] = train(
                model,
                examples,
                steps=steps,
                batch_size=settings.batch_size,
                seed=settings.seed,
                on_progress=lambda progress: report_stage(Stage(name, progress)),
                **options,
            )

    copies = copy_examples(tokenizer, settings.copy_steps * settings.batch_size, settings.seed)
    run_stage("copying", copies, settings.copy_steps, lr=5e-3, muon_lr=0.015, decay=0.0)
    examples = [to_example(episode, tokenizer) for episode in explored]
    run_stage("exploration", examples, settings.explore_steps)
    report_stage(Stage("best of several"))
    rest = questions[settings.explore_questions :]
    chosen = best_of(world, rest, reward, tries=settings.tries, seed=settings.seed)
    best = [to_example(episode, tokenizer) for episode in chosen]
    # With smaller rates, to refine what was learned.
    run_stage("imitation", best, settings.best_steps, lr=1e-3, muon_lr=0.01, warmup=10)
    save_policy(model, tokenizer, folder)
    TrainedIn.of(world).write(folder)
    return {
        "losses": losses,
        "demonstrations": {"explored": len(explored), "best": len(best)},
        "parameters": sum(p.numel() for p in model.parameters()),
        "settings": settings.model_dump(),
    }
