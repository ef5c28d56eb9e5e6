"""Settings that make a run fit its GPUs: offloading, sharding, tokens of a micro-batch, vLLM's share of the memory.

There is no table of machines. The plans are tried from the fastest to the most frugal, and the first whose memory
estimate fits is taken.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

from router_r1_envs.verl_training.memory_estimate import (
    MARGIN,
    MOST_UTILISATION,
    TrainingLayout,
    best_utilisation,
    estimate_memory,
)

MICRO_TOKENS = 16384
"""Tokens of a micro-batch: enough to keep a GPU busy."""
ASSUMED_GPU_GIB = 80.0
"""Memory of a GPU that cannot be asked, in a dry run on another machine."""
_LORA_RANK = 32


@dataclass(frozen=True, slots=True)
class GpuKind:
    """A GPU as `nvidia-smi` reports it."""

    name: str
    gib: float


def local_gpu() -> GpuKind | None:
    """The smallest GPU of this machine; None if there is none."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    kinds = []
    for line in found.stdout.splitlines():
        name, _, mebibytes = line.rpartition(",")
        if mebibytes.strip().isdecimal():
            kinds.append(GpuKind(name.strip(), int(mebibytes) / 1024))
    return min(kinds, key=lambda kind: kind.gib, default=None)


def frugal(layout: TrainingLayout) -> TrainingLayout:
    """The plan for a model whose shape is not known: everything that saves memory without the host's optimiser."""
    return replace(layout, offload=True, micro_tokens=layout.longest, utilisation=0.5)


def fitting_plan(layout: TrainingLayout) -> TrainingLayout | None:
    """The fastest plan that fits.

    Args:
        layout: model, GPUs and lengths. Sharding, offloading, micro-batch, tensor parallelism (if 0) and
            utilisation (if 0) are chosen.

    Returns:
        The layout with these fields filled in; None if no plan fits.
    """
    for plan in _plans(layout):
        utilisation = layout.utilisation or best_utilisation(plan)
        # Moving weights and moments to the host costs seconds a step. They stay where vLLM gets its full share anyway.
        full = layout.utilisation or MOST_UTILISATION
        if utilisation is None or (utilisation < full and not plan.offload):
            continue
        plan = replace(plan, utilisation=utilisation)
        estimate = estimate_memory(plan)
        room = plan.usable_gib * (1 - MARGIN)
        if estimate.problem is None and max(estimate.update_gib, estimate.generation_gib) <= room:
            return plan
    return None


def remedies(layout: TrainingLayout) -> list[str]:
    """Changes with which a run that does not fit would fit, each one variable of the recipe.

    Args:
        layout: as for `fitting_plan`.
    """
    found = []
    full = not layout.lora_rank and not layout.critic
    if full and fitting_plan(replace(layout, lora_rank=_LORA_RANK)):
        found.append(f"LORA={_LORA_RANK}")
    for gpus in (2, 4, 8):
        more = replace(layout, gpus_per_node=gpus)
        if gpus > layout.gpus_per_node and fitting_plan(more):
            found.append(f"GPUS={gpus}")
            break
    else:
        nodes = next(
            (n for n in (2, 4, 8) if n > layout.nodes and fitting_plan(replace(layout, nodes=n))),
            None,
        )
        if layout.gpus_per_node == 8 and nodes:
            found.append(f"NODES={nodes}")
    return found


def _plans(layout: TrainingLayout) -> Iterator[TrainingLayout]:
    """All plans, the fastest first."""
    world = layout.gpus_per_node * layout.nodes
    micro = sorted({max(MICRO_TOKENS, layout.longest), layout.longest}, reverse=True)
    # With several nodes, one copy per node: weights are gathered within a node, and only gradients cross the network.
    shards = [layout.gpus_per_node, world] if layout.nodes > 1 else [world]
    for shard in shards:
        for offload in (False, True):
            for tokens in [layout.micro_tokens] if layout.micro_tokens else micro:
                for parallel in _parallel(layout):
                    yield replace(
                        layout,
                        shard_gpus=shard,
                        offload=offload,
                        micro_tokens=tokens,
                        tensor_parallel=parallel,
                    )


def _parallel(layout: TrainingLayout) -> list[int]:
    """Numbers of GPUs that can share a rollout server; only the given one, if one is given."""
    if layout.tensor_parallel:
        return [layout.tensor_parallel]
    return [
        n
        for n in (1, 2, 4, 8)
        if layout.gpus_per_node % n == 0
        and layout.shape.heads % n == 0
        and (layout.shape.kv_heads % n == 0 or n % layout.shape.kv_heads == 0)
    ]
