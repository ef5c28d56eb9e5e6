"""What a run will use: memory, disk, calls, dollars, hours. Made before the start, from the settings alone.

Memory and disk are computed (`memory_estimate.py`). Calls, dollars and hours depend on what the policy will do, so they
rest on assumptions, which the text states: an episode is a third as long as it can get, asks one candidate in every
round, all candidates equally often, with `QUERY_TOKENS` in and half of `max_output_tokens` out.

    update      a pass forward and back is 8 operations a parameter and token with gradient checkpointing, 6 without;
                log-probs of the old policy and of the reference 2 each (Kaplan et al. 2020, section 2.1)
    generation  a decoding step reads all weights and the KV cache once (Pope et al. 2022, section 2)
    candidates  `CALL_S` seconds a round, and not faster than the pool's `requests_per_minute`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.episode import Limits
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Usage, cost_usd
from router_r1_envs.verl_training.memory_estimate import (
    TrainingLayout,
    checkpoint_gb,
    disk_gb,
    estimate_memory,
)

QUERY_TOKENS = 250
"""Assumed tokens of a sub-query, with the candidate's system prompt."""
CALL_S = 8.0
"""Assumed seconds of the slowest call of a round."""
_TYPICAL = 1 / 3  # share of the longest episode
_COMPUTE, _MEMORY = 0.35, 0.6  # shares of a GPU's peak that are reached
_MOST_SEQUENCES = 256  # running at once on a rollout server

# Dense bf16 operations a second and bytes a second, from NVIDIA's data sheets.
_GPUS = {
    "B200": (2250e12, 8.0e12),
    "H200": (989e12, 4.8e12),
    "H100": (989e12, 3.35e12),
    "A100": (312e12, 2.0e12),
    "L40S": (362e12, 0.86e12),
    "A10": (125e12, 0.6e12),
    "L4": (121e12, 0.3e12),
    "4090": (165e12, 1.0e12),
    "3090": (71e12, 0.94e12),
}
_UNKNOWN_GPU = (312e12, 2.0e12)


@dataclass(frozen=True, slots=True)
class Episodes:
    """How many episodes a run plays, and in what world."""

    steps: int
    per_step: int
    """Training episodes of a step."""
    validations: int
    """How often the policy is validated."""
    per_validation: int
    """Episodes of one validation."""
    cards: tuple[ModelCard, ...]
    limits: Limits
    free: bool
    """The world answers by itself: calls cost nothing and do not wait."""

    @property
    def total(self) -> int:
        """All episodes, for training and validation."""
        return self.steps * self.per_step + self.validations * self.per_validation

    @property
    def calls_per_step(self) -> int:
        """Calls of a training step if every round asks one candidate."""
        return self.per_step * self.limits.max_rounds

    @property
    def requests_per_minute(self) -> float | None:
        """The rate of the whole pool; None if a candidate has no limit."""
        rates = [card.limits.requests_per_minute for card in self.cards]
        return None if None in rates else math.fsum(rate or 0.0 for rate in rates)


@dataclass(frozen=True, slots=True)
class StepSeconds:
    """Seconds of a training step by phase."""

    generation: float
    candidates: float
    rate_limit: float
    """The least time in which the pool's rate limits allow the step's calls."""
    update: float

    @property
    def total(self) -> float:
        """Generation and calls take turns within an episode; a synchronous step waits for the slowest."""
        return max(self.generation + self.candidates, self.rate_limit) + self.update


def step_seconds(layout: TrainingLayout, episodes: Episodes, gpu: str = "") -> StepSeconds:
    """Seconds of a training step.

    Args:
        layout: model and GPUs.
        episodes: the run's episodes.
        gpu: name of the GPU; an unknown one counts as an A100.
    """
    compute, bandwidth = next((v for k, v in _GPUS.items() if k in gpu), _UNKNOWN_GPU)
    gpus = layout.gpus_per_node * layout.nodes
    parameters, length = layout.shape.parameters, layout.longest * _TYPICAL
    passes = (8 if layout.checkpointing else 6) * layout.models + 2
    passes += 2 if layout.reference else 0
    passes += 2 if layout.critic else 0
    operations = passes * parameters * episodes.per_step * length
    update = operations / (compute * _COMPUTE * gpus)

    servers = gpus / layout.tensor_parallel
    share = episodes.per_step / servers
    kv_tokens = estimate_memory(layout).kv_tokens
    running = max(1.0, min(share, kv_tokens / length, _MOST_SEQUENCES))
    waves = math.ceil(share / running)
    kv_bytes = 4 * layout.shape.layers * layout.shape.kv_width
    read = (2 * parameters + running * length * kv_bytes) / layout.tensor_parallel
    limits = episodes.limits
    turns = limits.max_rounds + 1
    written = min(limits.max_policy_tokens, turns * limits.max_turn_tokens) * _TYPICAL
    generation = waves * written * read / (bandwidth * _MEMORY)

    rate = None if episodes.free else episodes.requests_per_minute
    return StepSeconds(
        generation=generation,
        candidates=0.0 if episodes.free else CALL_S * limits.max_rounds,
        rate_limit=0.0 if rate is None else 60 * episodes.calls_per_step / rate,
        update=update,
    )


def dollars(episodes: Episodes) -> tuple[float, float]:
    """What the calls of a run cost: about, and at most.

    At most: every route of every episode asks the most expensive candidate and gets the longest reply. A record store
    answers equal requests once, so the sum can be lower.
    """
    if episodes.free:
        return 0.0, 0.0
    calls = episodes.total * episodes.limits.max_rounds
    usual = [
        cost_usd(Usage(QUERY_TOKENS, c.max_output_tokens // 2), c.price) for c in episodes.cards
    ]
    longest = [cost_usd(Usage(QUERY_TOKENS, c.max_output_tokens), c.price) for c in episodes.cards]
    return (
        calls * math.fsum(usual) / len(usual),
        calls * episodes.limits.max_routes * max(longest),
    )


def describe(
    layout: TrainingLayout | None, episodes: Episodes | None, *, model: str, gpu: str = ""
) -> list[str]:
    """The estimate as lines of text.

    Args:
        layout: model and GPUs; None if the model's shape is not known.
        episodes: the run's episodes; None if the world could not be read.
        model: name of the model.
        gpu: name of the GPU, if known.
    """
    lines = []
    if layout is None:
        lines.append(
            f"model       {model}: its shape is not known here, so there is no estimate of memory and time; "
            f"give a folder with a config.json"
        )
    else:
        lines += _memory_lines(layout, model, gpu)
    if episodes is None:
        return lines
    limits, total = episodes.limits, episodes.total
    lines.append(
        f"episodes    {total:,} ({episodes.steps} steps of {episodes.per_step}, {episodes.validations} validations of "
        f"{episodes.per_validation}); {total * limits.max_rounds:,} calls if every round asks one candidate, at most "
        f"{total * limits.max_rounds * limits.max_routes:,}"
    )
    about, most = dollars(episodes)
    lines.append(
        "dollars     0: the world answers by itself"
        if episodes.free
        else f"dollars     about {about:,.2f}, at most {most:,.2f}; equal requests are paid once"
    )
    if layout is not None:
        step = step_seconds(layout, episodes, gpu)
        validation = step.generation + step.candidates
        hours = (episodes.steps * step.total + episodes.validations * validation) / 3600
        lines.append(
            f"time        about {step.total / 60:.1f} min a step ({step.generation:.0f} s generation, {step.candidates:.0f} s "
            f"candidates, {step.update:.0f} s update), {hours:.1f} h in all; right within a factor of three"
        )
    return lines


def warnings(layout: TrainingLayout | None, episodes: Episodes | None, gpu: str = "") -> list[str]:
    """What slows a run down and is better changed before the start."""
    if episodes is None or episodes.free or episodes.requests_per_minute is None:
        return []
    rate = episodes.requests_per_minute
    minutes = episodes.calls_per_step / rate
    own = 0.0
    if layout is not None:
        step = step_seconds(layout, episodes, gpu)
        own = (step.generation + step.candidates + step.update) / 60
    if minutes <= max(own, 1.0):
        return []
    return [
        f"the pool allows {rate:g} requests a minute, so {episodes.calls_per_step:,} calls a step take at least "
        f"{minutes:.1f} min, and the run {minutes * episodes.steps / 60:.0f} h; raise requests_per_minute in the pool, "
        f"or lower BATCH or GROUP"
    ]


def _memory_lines(layout: TrainingLayout, model: str, gpu: str) -> list[str]:
    estimate = estimate_memory(layout)
    trained = (
        f"an adapter of rank {layout.lora_rank}, {layout.trained / 1e6:.0f}M parameters, is trained"
        if layout.lora_rank
        else "all are trained"
    )
    place = "moved to the host in turn" if layout.offload else "kept on the GPUs"
    usable = layout.usable_gib
    return [
        f"model       {model}, {layout.shape.parameters / 1e9:.2f}B parameters; {trained}",
        f"GPUs        {layout.nodes} x {layout.gpus_per_node} x {layout.gpu_gib:.0f} GiB{f' ({gpu})' if gpu else ''}; "
        f"a copy for {layout.shard_gpus}, {place}; micro-batches of {layout.micro_tokens} tokens",
        f"update      {estimate.update_gib:.0f} of {usable:.0f} GiB: {_parts(estimate.update)}",
        f"generation  {estimate.generation_gib:.0f} of {usable:.0f} GiB: {_parts(estimate.generation)}; room for "
        f"{estimate.kv_tokens:,} tokens a server, an episode has at most {layout.longest:,}",
        f"host        {estimate.host_gib:.0f} GiB of main memory on each node",
        f"disk        {checkpoint_gb(layout):.0f} GB a checkpoint, at most {disk_gb(layout):.0f} GB in all",
    ]


def _parts(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {gib:.1f}" for name, gib in parts.items() if gib >= 0.05)


def episodes_of(
    *,
    steps: int,
    per_step: int,
    test_every: int,
    per_validation: int,
    cards: Sequence[ModelCard],
    limits: Limits,
    free: bool,
) -> Episodes:
    """The episodes of a run that validates before the first step, every `test_every` steps and after the last."""
    validations = 1 + math.ceil(steps / test_every)
    return Episodes(steps, per_step, validations, per_validation, tuple(cards), limits, free)
