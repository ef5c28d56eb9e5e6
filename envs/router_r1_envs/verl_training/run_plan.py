"""What the settings of a run leave open: the response length, and how the model lies on the GPUs.

Importing this module imports neither verl nor torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1_envs.verl_training.episode_length import longest_response, remedy
from router_r1_envs.verl_training.hardware_plan import (
    ASSUMED_GPU_GIB,
    GpuKind,
    fitting_plan,
    frugal,
    remedies,
)
from router_r1_envs.verl_training.memory_estimate import TrainingLayout, estimate_memory
from router_r1_envs.verl_training.model_shapes import ModelShape
from router_r1_envs.verl_training.settings import RunSettings

_FALLBACK_RESPONSE = 6144  # if the world cannot be read in a dry run


@dataclass(frozen=True, slots=True)
class WorldFacts:
    """What the settings need to know about a world."""

    cards: tuple[ModelCard, ...]
    limits: Limits
    levels: int
    free: bool
    """The world answers by itself, at no cost."""


def response_length(settings: RunSettings, world: WorldFacts | None) -> int:
    """`data.max_response_length`.

    Args:
        settings: the given length, or 0.
        world: its limits; None if it could not be read.

    Raises:
        ConfigError: an episode of the world does not fit the given length. Not raised for a CPU, whose small policies
            end their turns long before the limit.
    """
    if world is None:
        return settings.response or _FALLBACK_RESPONSE
    needed = longest_response(world.cards, world.limits)
    if settings.response == 0:
        return needed
    if settings.response < needed and settings.stack == "gpu":
        change = remedy(world.cards, world.limits, settings.response)
        raise ConfigError(
            f"train.sh: RESPONSE is {settings.response}, and an episode of {settings.world} can have {needed} tokens; an "
            f"episode without room would be punished for long replies. Leave RESPONSE unset, or set {change} in the world"
        )
    return settings.response


def layout_of(
    settings: RunSettings, shape: ModelShape, longest: int, gpu: GpuKind | None
) -> TrainingLayout:
    """The layout of a run, with 0 for what is chosen by the memory estimate."""
    micro_tokens = settings.micro * longest if settings.micro else settings.tokens
    return TrainingLayout(
        shape=shape,
        gpu_gib=settings.gpu_gb or (gpu.gib if gpu else ASSUMED_GPU_GIB),
        gpus_per_node=settings.gpus,
        nodes=settings.nodes,
        shard_gpus=settings.world_gpus,
        tensor_parallel=settings.tp,
        micro_tokens=micro_tokens,
        longest=longest,
        utilisation=settings.utilisation,
        offload=True,
        critic=settings.algo == "ppo",
        reference=settings.kl > 0,
        lora_rank=settings.lora,
    )


def chosen_plan(settings: RunSettings, layout: TrainingLayout) -> TrainingLayout:
    """The fastest plan that fits the GPUs.

    Raises:
        ConfigError: no plan fits; the message names what would.
    """
    plan = fitting_plan(layout)
    if plan is not None:
        return plan
    tight = replace(frugal(layout), tensor_parallel=layout.tensor_parallel or layout.gpus_per_node)
    estimate = estimate_memory(tight)
    problem = estimate.problem or "vLLM has no room for a few episodes at once"
    changes = [*remedies(layout), "a smaller MODEL", "lower limits of the world"]
    raise ConfigError(
        f"train.sh: {settings.model} does not fit {settings.nodes} x {settings.gpus} x {layout.gpu_gib:.0f} GiB: even with "
        f"the most frugal settings {problem}; try {' or '.join(changes)}"
    )
