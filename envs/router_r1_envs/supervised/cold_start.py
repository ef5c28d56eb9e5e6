"""From random weights to a policy that reinforcement learning can improve: grammar, copying, and a first idea of who is good.

Three stages, each supervised: copies of random names, a random router's episodes, and the best by reward of several of them
(`demonstrations.py` says why each is needed). No stage is told which candidate is good at what.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from router_r1.config import StrictModel
from router_r1.data.splits import Split
from router_r1_envs.supervised.demonstrations import best_of, copies, example_of, explorations
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_reward import RewardConfig

if TYPE_CHECKING:
    from router_r1_envs.supervised.training_loop import Progress

Steps = Annotated[int, Field(ge=0)]


class ColdStartConfig(StrictModel):
    """How long each stage takes. The defaults are for two CPU cores."""

    seed: int = 0
    """Of weights, demonstrations and order."""
    copy_steps: Steps = 250
    """Optimiser steps on copies."""
    explore_steps: Steps = 250
    """Optimiser steps on a random router's episodes."""
    best_steps: Steps = 70
    """Optimiser steps on the best of several explorations."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Sequences a step."""
    explore_questions: Annotated[int, Field(ge=1)] = 6000
    """Questions explored once."""
    best_questions: Annotated[int, Field(ge=1)] = 4000
    """Questions explored several times."""
    tries: Annotated[int, Field(ge=1)] = 8
    """Explorations of a question of which the best is kept."""


@dataclass(frozen=True)
class Stage:
    """What is being done, for progress bars."""

    name: str
    progress: Progress | None = None
    """None while demonstrations are made."""


def cold_start(
    world: GeneratedWorld,
    reward: RewardConfig,
    folder: str | Path,
    settings: ColdStartConfig | None = None,
    on_stage: Callable[[Stage], None] | None = None,
) -> dict[str, Any]:
    """Make a policy, train it, and save it in `folder`.

    Returns:
        The final loss of each stage, the number of demonstrations, and the settings.
    """
    from router_r1_envs.supervised.training_loop import supervise

    settings = settings or ColdStartConfig()
    tell = on_stage or (lambda stage: None)
    tell(Stage("demonstrations"))
    questions = world.questions(Split.TRAIN, settings.explore_questions + settings.best_questions)
    explored = list(
        explorations(world, questions[: settings.explore_questions], seed=settings.seed)
    )
    texts = (f"{e.opening[-1]['content']} {e.transcript}" for e in explored)
    tokenizer = make_tokenizer(itertools.islice(texts, 4000))
    model = make_model(tokenizer, seed=settings.seed)
    losses: dict[str, float] = {}

    def train(name: str, examples: Any, steps: int, **options: Any) -> None:
        if steps:
            losses[name] = supervise(
                model,
                examples,
                steps=steps,
                batch_size=settings.batch_size,
                seed=settings.seed,
                on_progress=lambda progress: tell(Stage(name, progress)),
                **options,
            )

    repeated = copies(tokenizer, settings.copy_steps * settings.batch_size, settings.seed)
    train("copying", repeated, settings.copy_steps, lr=5e-3, muon_lr=0.015, decay=0.0)
    examples = [example_of(episode, tokenizer) for episode in explored]
    train("exploration", examples, settings.explore_steps)
    tell(Stage("best of several"))
    best = [
        example_of(episode, tokenizer)
        for episode in best_of(
            world,
            questions[settings.explore_questions :],
            reward,
            tries=settings.tries,
            seed=settings.seed,
        )
    ]
    # Gentler: what was learned before is to be sharpened, not replaced.
    train("imitation", best, settings.best_steps, lr=1e-3, muon_lr=0.01, warmup=10)
    save_policy(model, tokenizer, folder)
    return {
        "losses": losses,
        "demonstrations": {"explored": len(explored), "best": len(best)},
        "parameters": sum(p.numel() for p in model.parameters()),
        "settings": settings.model_dump(),
    }
