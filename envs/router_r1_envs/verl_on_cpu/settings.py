"""The launch settings with which any recipe for verl runs on a CPU: Hydra overrides and environment variables.

    command = [sys.executable, "-m", "verl.trainer.main_ppo", *overrides(), *recipe]
    subprocess.run(command, env=os.environ | environment())

Overrides of the recipe come after these and win. None of these settings affects what is learned. Importing this module
imports neither verl nor torch.
"""

from __future__ import annotations

_PACKAGE = "router_r1_envs.verl_on_cpu"
_TRAINING = "router_r1_envs.verl_training"
_FP32 = "{param_dtype: fp32, reduce_dtype: fp32, buffer_dtype: fp32}"
_BASE = {
    "trainer.device": "cpu",
    "trainer.nnodes": "1",
    "trainer.n_gpus_per_node": "1",
    "trainer.balance_batch": "False",
    "trainer.logger": "[console,file]",
    # A logical number: a rank requests three, and each actor of the queue one.
    "ray_kwargs.ray_init.num_cpus": "16",
    "+ray_kwargs.ray_init.num_gpus": "1",
    "+ray_kwargs.ray_init.include_dashboard": "False",
    "+ray_kwargs.ray_init.object_store_memory": "300000000",
    "transfer_queue.backend.SimpleStorage.num_data_storage_units": "1",
    "transfer_queue.backend.SimpleStorage.total_storage_size": "8192",
    "trainer.v1.sampler.custom_sampler.path": f"pkg://{_TRAINING}.replay_buffer",
    "trainer.v1.sampler.custom_sampler.name": "WatchedReplayBuffer",
    "data.dataloader_num_workers": "0",
    "reward.num_workers": "1",
    "actor_rollout_ref.model.use_remove_padding": "False",
    "actor_rollout_ref.model.enable_gradient_checkpointing": "False",
    "+actor_rollout_ref.model.override_config.attn_implementation": "sdpa",
    "actor_rollout_ref.actor.strategy": "fsdp2",
    "actor_rollout_ref.actor.use_torch_compile": "False",
    "actor_rollout_ref.actor.fsdp_config.use_torch_compile": "False",
    "actor_rollout_ref.actor.fsdp_config.dtype": "float32",
    "+actor_rollout_ref.actor.fsdp_config.mixed_precision": _FP32,
    "actor_rollout_ref.ref.strategy": "fsdp2",
    "actor_rollout_ref.ref.use_torch_compile": "False",
    "actor_rollout_ref.ref.fsdp_config.use_torch_compile": "False",
    "actor_rollout_ref.ref.fsdp_config.dtype": "float32",
    "+actor_rollout_ref.ref.fsdp_config.mixed_precision": _FP32,
    "actor_rollout_ref.rollout.dtype": "float32",
    "actor_rollout_ref.rollout.tensor_model_parallel_size": "1",
    "actor_rollout_ref.rollout.free_cache_engine": "False",
    "actor_rollout_ref.rollout.calculate_log_probs": "True",
    "actor_rollout_ref.rollout.agent.num_workers": "1",
    "+actor_rollout_ref.rollout.agent.agent_loop_manager_class": (
        f"{_TRAINING}.agent_loop_worker.Manager"
    ),
}
_CRITIC = {
    "critic.strategy": "fsdp2",
    "critic.model.use_remove_padding": "False",
    "critic.model.enable_gradient_checkpointing": "False",
    "critic.fsdp.use_torch_compile": "False",
    "critic.fsdp.dtype": "float32",
    "+critic.fsdp.mixed_precision": _FP32,
}
_REUSE_LOG_PROBS = {
    "algorithm.rollout_correction.bypass_mode": "True",
    "actor_rollout_ref.actor.calculate_entropy": "True",
}
_VLLM = {
    "+actor_rollout_ref.rollout.enable_sleep_mode": "False",
    "actor_rollout_ref.rollout.enforce_eager": "True",
    "actor_rollout_ref.rollout.gpu_memory_utilization": "0.1",
    "actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes": "64",
    "+actor_rollout_ref.rollout.engine_kwargs.vllm.worker_extension_cls": (
        f"{_PACKAGE}.vllm_worker.Extension"
    ),
}


def environment(*, threads: int = 1) -> dict[str, str]:
    """Environment variables of the process that starts verl; its workers inherit them.

    Args:
        threads: torch's threads in each process. More than one slows a shared machine down.
    """
    return {
        "VERL_PLATFORM": "cpu",
        "VERL_USE_EXTERNAL_MODULES": f"{_PACKAGE}.plugin",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "GLOO_SOCKET_IFNAME": "lo",
        "TQ_NUM_THREADS": "1",
        "TQ_LOGGING_LEVEL": "ERROR",  # without it: thousands of warnings
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        "HYDRA_FULL_ERROR": "1",
        "PYTHONWARNINGS": "ignore",
        # For `rollout=vllm` only: do not bind threads to cores, and use a cache of 1 GiB.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }


def overrides(
    *, rollout: str = "hf_cpu", critic: bool = False, reuse_log_probs: bool = False
) -> list[str]:
    """Hydra overrides for a machine without an accelerator.

    Args:
        rollout: `hf_cpu`, or `vllm` where vllm-cpu is installed.
        critic: whether the recipe has a critic (PPO with `adv_estimator=gae`).
        reuse_log_probs: use the sampler's log-probs as those of the old policy instead of recomputing them, which saves
            a pass over all tokens. With `hf_cpu` the two agree to 1e-6. The metrics `training/rollout_probs_diff_*` are
            then not logged.

    Raises:
        ValueError: an unknown rollout backend.
    """
    if rollout not in ("hf_cpu", "vllm"):
        raise ValueError(f"rollout is {rollout!r}; on a CPU it must be hf_cpu or vllm")
    settings = _BASE | {"actor_rollout_ref.rollout.name": rollout}
    if critic:
        settings |= _CRITIC
    if reuse_log_probs:
        settings |= _REUSE_LOG_PROBS
    if rollout == "vllm":
        settings |= _VLLM
    return [f"{key}={value}" for key, value in settings.items()]
