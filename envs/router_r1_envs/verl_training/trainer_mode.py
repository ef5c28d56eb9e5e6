"""Whether the trainer waits for its episodes or has them played ahead: the variable MODE of `recipes/train.sh`.

    sync             a step asks for its episodes and waits for all of them
    colocate_async   `AHEAD` batches are played ahead on the devices that also train. While they train no turn is
                     written, but candidates go on answering; a turn that was interrupted is continued afterwards
    separate_async   the same on devices that only write turns, also while the others train. With `AHEAD` 1 and
                     `MINI` = `BATCH` a step trains on the episodes of the weights before the last: one step off policy

verl's overrides for each; verl's trainers are in `trainer.py`. Importing this module does not import verl.
"""

from __future__ import annotations

from typing import Literal, get_args

Mode = Literal["sync", "colocate_async", "separate_async"]
MODES: tuple[Mode, ...] = get_args(Mode)


def mode_overrides(
    mode: Mode,
    *,
    ahead: float = 1,
    updates: int = 1,
    gpus: int = 1,
    nodes: int = 1,
    cpu: bool = False,
) -> dict[str, str]:
    """Hydra overrides of a mode. The synchronous mode is what `verl_on_cpu.settings` and `train.sh` have anyway.

    Args:
        mode: how the trainer waits.
        ahead: batches that are played ahead; more hide longer answers, and train on older episodes.
        updates: optimiser steps per trainer step (`BATCH` / `MINI`); `separate_async` waits for the episodes of each.
        gpus: devices per node that only write turns (`separate_async`).
        nodes: nodes with such devices.
        cpu: whether the devices are processes of a machine without GPUs.
    """
    v1, rollout = "trainer.v1", "actor_rollout_ref.rollout"
    found = {f"{v1}.trainer_mode": "router_r1" if mode == "sync" else f"router_r1_{mode}"}
    if mode == "sync":
        return found
    found |= {
        f"{v1}.sampler.custom_sampler.name": "WatchedReplayBufferAsync",
        f"{v1}.{mode}.num_warmup_batches": f"{ahead:g}",
    }
    if mode == "separate_async":
        found |= {
            f"{v1}.separate_async.parameter_sync_step": f"{updates}",
            f"{rollout}.nnodes": f"{nodes}",
            f"{rollout}.n_gpus_per_node": f"{gpus}",
            f"{rollout}.checkpoint_engine.backend": "file" if cpu else "nccl",
        }
        if cpu:
            found |= {
                f"{rollout}.checkpoint_engine.custom_backend_module": (
                    "router_r1_envs.verl_on_cpu.checkpoint_engine"
                ),
                "++ray_kwargs.ray_init.num_gpus": f"{gpus + 1}",
            }
    return found
