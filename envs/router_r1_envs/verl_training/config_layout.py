"""The layout of a composed configuration of verl, and whether it fits the GPUs.

`run_plan.py` plans from the recipe's variables; this is the same from verl's configuration, with every override in it.
"""

from __future__ import annotations

from omegaconf import DictConfig
from verl.trainer.ppo.utils import need_critic, need_reference_policy

from router_r1.errors import ConfigError
from router_r1_envs.verl_training.memory_estimate import TrainingLayout, estimate_memory
from router_r1_envs.verl_training.model_shapes import shape_of


def layout_of_config(config: DictConfig, gpu_gib: float) -> TrainingLayout | None:
    """The layout that a configuration describes; None if the model's shape is not known.

    Args:
        config: verl's configuration, for GPUs.
        gpu_gib: memory of a GPU.
    """
    model, actor, rollout = (config.actor_rollout_ref[k] for k in ("model", "actor", "rollout"))
    shape = shape_of(model.path)
    if shape is None:
        return None
    longest = config.data.max_prompt_length + config.data.max_response_length
    world = config.trainer.n_gpus_per_node * config.trainer.nnodes
    sharded = actor.fsdp_config.fsdp_size
    micro = (
        actor.ppo_max_token_len_per_gpu
        if actor.use_dynamic_bsz
        else actor.ppo_micro_batch_size_per_gpu * longest
    )
    return TrainingLayout(
        shape=shape,
        gpu_gib=gpu_gib,
        gpus_per_node=config.trainer.n_gpus_per_node,
        nodes=config.trainer.nnodes,
        shard_gpus=sharded if 0 < sharded < world else world,
        tensor_parallel=rollout.tensor_model_parallel_size,
        micro_tokens=micro,
        longest=longest,
        utilisation=rollout.gpu_memory_utilization,
        offload=actor.fsdp_config.param_offload and actor.fsdp_config.optimizer_offload,
        host_update=actor.fsdp_config.offload_policy,
        critic=need_critic(config),
        reference=need_reference_policy(config),
        lora_rank=model.lora_rank,
        fused=model.use_fused_kernels,
        checkpointing=model.enable_gradient_checkpointing,
    )


def check_memory(config: DictConfig, gpu_gib: float) -> None:
    """Raise `ConfigError` if a configuration does not fit the GPUs, as far as the model's shape is known."""
    layout = layout_of_config(config, gpu_gib)
    problem = None if layout is None else estimate_memory(layout).problem
    if problem is not None:
        raise ConfigError(
            f"{config.actor_rollout_ref.model.path} does not fit: {problem}; leave the settings of memory to recipes/train.sh, "
            f"or see docs/training.md"
        )
