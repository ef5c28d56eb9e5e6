"""verl's configuration for a run, as Hydra overrides. Written for verl 0.9.1; a test composes them with it.

What a CPU needs instead of GPUs is in `verl_on_cpu.settings`. Importing this module imports neither verl nor torch.
"""

from __future__ import annotations

from collections.abc import Mapping

from router_r1_envs.verl_training.memory_estimate import TrainingLayout
from router_r1_envs.verl_training.settings import RunSettings

_TRAINING = "router_r1_envs.verl_training"
_FORWARDED = (
    "VERL_USE_EXTERNAL_MODULES",
    "VERL_FILE_LOGGER_PATH",
    "TENSORBOARD_DIR",
    "WANDB_DIR",
    "WANDB_MODE",
)
EXTERNAL_MODULE = f"{_TRAINING}.model_loading"
"""Imported in each of verl's processes on GPUs (`VERL_USE_EXTERNAL_MODULES`)."""


def run_overrides(settings: RunSettings, response: int) -> dict[str, str]:
    """What a run learns, on any hardware.

    Args:
        settings: the run's.
        response: maximum tokens of the response.
    """
    s, actor, rollout = settings, "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    ppo = s.algo == "ppo"
    # PPO plays as many episodes per step as with groups, each on its own question.
    questions, mini = (s.batch * s.group, s.mini * s.group) if ppo else (s.batch, s.mini)
    found = {
        "data.train_files": f"{s.out}/data/train.parquet",
        "data.val_files": f"{s.out}/data/validation.parquet",
        "data.train_batch_size": questions,
        "data.max_prompt_length": s.prompt,
        "data.max_response_length": response,
        "data.filter_overlong_prompts": False,
        "data.return_raw_chat": True,
        "data.seed": s.seed,
        "actor_rollout_ref.model.path": s.model,
        f"{actor}.strategy": "fsdp2",
        f"{actor}.optim.lr": s.lr,
        f"{actor}.optim.weight_decay": 0,
        f"{actor}.ppo_mini_batch_size": mini,
        f"{actor}.use_kl_loss": s.kl > 0,
        f"{actor}.kl_loss_coef": s.kl,
        f"{actor}.kl_loss_type": "low_var_kl",
        f"{actor}.loss_agg_mode": "token-mean",
        f"{actor}.checkpoint.save_contents": "[model,optimizer,extra,hf_model]",
        f"{rollout}.name": s.rollout,
        f"{rollout}.n": 1 if ppo else s.group,
        f"{rollout}.temperature": s.temperature,
        f"{rollout}.val_kwargs.temperature": 0,
        f"{rollout}.calculate_log_probs": True,
        f"{rollout}.agent.default_agent_loop": "router_r1",
        f"{rollout}.agent.agent_loop_config_path": f"{s.out}/data/agent_loop.yaml",
        "algorithm.use_kl_in_reward": False,
        "algorithm.norm_adv_by_std_in_grpo": s.norm_std,
        "algorithm.adv_estimator": "gae" if ppo else "grpo",
        "critic.enable": ppo,
    }
    if s.reward == "router_r1":
        # That reward compares a cost with those before it: one worker sees them all.
        found[f"{rollout}.agent.num_workers"] = 1
    if s.micro:
        found |= {
            f"{actor}.ppo_micro_batch_size_per_gpu": s.micro,
            "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": s.micro,
            f"{rollout}.log_prob_micro_batch_size_per_gpu": s.micro,
        }
    if s.warmup:
        # The learning rate of the first step is a fraction of the full one, not 0.
        found |= {
            f"{actor}.optim.lr_warmup_steps": s.warmup,
            f"{actor}.optim.zero_indexed_step": False,
        }
    if ppo:
        found |= {
            "algorithm.gamma": 1.0,
            "algorithm.lam": 1.0,
            "critic.strategy": "fsdp2",
            "critic.model.path": s.model,
            "critic.model.tokenizer_path": s.model,
            "critic.optim.lr": s.critic_lr,
            "critic.ppo_mini_batch_size": mini,
        }
        if s.micro:
            found["critic.ppo_micro_batch_size_per_gpu"] = s.micro
        if s.warmup:
            found |= {
                "critic.optim.lr_warmup_steps": s.warmup,
                "critic.optim.zero_indexed_step": False,
            }
    found |= {
        # No reward workers: the agent loop scores its episodes itself.
        "reward.num_workers": 0,
        "hydra.run.dir": f"{s.out}/hydra",
        "hydra.output_subdir": "null",
        "trainer.total_training_steps": s.steps,
        "trainer.total_epochs": 1000,
        "trainer.n_gpus_per_node": s.gpus,
        "trainer.nnodes": s.nodes,
        "trainer.logger": f"[{s.logger}]",
        "trainer.project_name": "router-r1",
        "trainer.experiment_name": s.out.rstrip("/").rpartition("/")[2],
        "trainer.default_local_dir": f"{s.out}/checkpoints",
        "trainer.save_freq": s.test_every,
        "trainer.test_freq": s.test_every,
        "trainer.val_before_train": True,
        "trainer.max_actor_ckpt_to_keep": 2,
        "trainer.max_critic_ckpt_to_keep": 2,
        "trainer.resume_mode": "auto",
    }
    return {key: str(value) for key, value in found.items()}


def gpu_overrides(
    settings: RunSettings, plan: TrainingLayout, environment: Mapping[str, str]
) -> dict[str, str]:
    """How a run uses its GPUs: fast kernels, packed sequences, and the plan that fits their memory.

    verl[vllm] brings no flash attention. Without the fused kernels, log-probs would be computed token by token in
    Python and the entropy in fp32 for the whole vocabulary. Log-probs are recomputed before the update, so those of the
    sampler can correct for its other numerics (truncated importance sampling, at most 2).

    Args:
        settings: the run's.
        plan: see `run_plan.chosen_plan`.
        environment: variables of this process; some are passed on to verl's.
    """
    model, actor, rollout = (f"actor_rollout_ref.{name}" for name in ("model", "actor", "rollout"))
    hybrid = plan.shard_gpus < plan.gpus_per_node * plan.nodes
    found = {
        "trainer.device": "cuda",
        f"{model}.enable_gradient_checkpointing": True,
        f"{model}.use_remove_padding": True,
        f"+{model}.override_config.attn_implementation": "sdpa",
        f"{model}.use_fused_kernels": True,
        f"{actor}.fsdp_config.param_offload": plan.offload,
        f"{actor}.fsdp_config.optimizer_offload": plan.offload,
        f"{actor}.fsdp_config.fsdp_size": plan.shard_gpus if hybrid else -1,
        "actor_rollout_ref.ref.fsdp_config.fsdp_size": plan.shard_gpus if hybrid else -1,
        "algorithm.rollout_correction.rollout_is": "token",
        "algorithm.rollout_correction.rollout_is_threshold": 2.0,
        "algorithm.rollout_correction.bypass_mode": False,
        f"{rollout}.gpu_memory_utilization": plan.utilisation,
        f"{rollout}.tensor_model_parallel_size": plan.tensor_parallel,
        f"{rollout}.max_model_len": plan.longest,
        # One storage actor a node. Eight, the default, occupy the CPUs of a small machine, which then waits forever.
        "transfer_queue.backend.SimpleStorage.num_data_storage_units": settings.nodes,
        # As on a CPU: a failed episode or a dead worker ends the run with its error.
        "trainer.v1.sampler.custom_sampler.path": f"pkg://{_TRAINING}.replay_buffer",
        "trainer.v1.sampler.custom_sampler.name": "WatchedReplayBuffer",
        f"+{rollout}.agent.agent_loop_manager_class": f"{_TRAINING}.agent_loop_worker.Manager",
    }
    if not settings.micro:
        found |= {
            f"{actor}.use_dynamic_bsz": True,
            f"{actor}.ppo_max_token_len_per_gpu": plan.micro_tokens,
            f"{rollout}.log_prob_use_dynamic_bsz": True,
            f"{rollout}.log_prob_max_token_len_per_gpu": plan.micro_tokens,
            "actor_rollout_ref.ref.log_prob_use_dynamic_bsz": True,
            "actor_rollout_ref.ref.log_prob_max_token_len_per_gpu": plan.micro_tokens,
        }
    if settings.lora:
        found |= {
            f"{model}.lora_rank": settings.lora,
            f"{model}.lora_alpha": 2 * settings.lora,
            f"{model}.lora.merge": True,  # vLLM gets plain weights
        }
    if plan.critic:
        found |= {
            "critic.model.enable_gradient_checkpointing": True,
            "critic.model.use_remove_padding": True,
            "+critic.model.override_config.attn_implementation": "sdpa",
            "critic.fsdp.param_offload": plan.offload,
            "critic.fsdp.optimizer_offload": plan.offload,
            "critic.fsdp.fsdp_size": plan.shard_gpus if hybrid else -1,
        }
        if not settings.micro:
            found |= {
                "critic.use_dynamic_bsz": True,
                "critic.ppo_max_token_len_per_gpu": plan.micro_tokens,
                # The field that verl's trainer reads; its YAML files do not have it.
                "+critic.ppo_infer_max_token_len_per_gpu": plan.micro_tokens,
            }
    # The processes of a cluster inherit the environment of its nodes, not of this one. Keys such as WANDB_API_KEY are set
    # on the nodes, before `ray start`.
    for name in _FORWARDED:
        if environment.get(name):
            key = f"+ray_kwargs.ray_init.runtime_env.env_vars.{name}"
            found[key] = f"'{environment[name]}'"
    return {key: str(value) for key, value in found.items()}
