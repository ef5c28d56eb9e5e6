"""verl accepts what the recipe writes: every key exists, its own classes take the values, its checks pass."""

import pytest

pytest.importorskip("verl")
pytestmark = pytest.mark.train

from hydra import compose, initialize_config_module  # noqa: E402
from omegaconf import DictConfig, OmegaConf  # noqa: E402

from router_r1.errors import ConfigError  # noqa: E402
from router_r1_envs.train_launch import launch_lines  # noqa: E402
from router_r1_envs.verl_training.config_layout import check_memory  # noqa: E402


def composed(*extra: str, **variables: str) -> DictConfig:
    """The configuration that a recipe with these variables starts verl with."""
    lines = launch_lines({"OUT": "runs/x", "DRY_RUN": "1", "GPU_GB": "80", **variables})
    overrides = [line.removeprefix("set ") for line in lines if line.startswith("set ")]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides=[*overrides, *extra])


VARIANTS = {
    "cpu grpo": {},
    "cpu ppo": {"ALGO": "ppo"},
    "one gpu": {"STACK": "gpu"},
    "one gpu, ppo": {"STACK": "gpu", "ALGO": "ppo"},
    "24 GB": {"STACK": "gpu", "GPU_GB": "24", "MODEL": "Qwen/Qwen2.5-0.5B-Instruct"},
    "24 GB, adapter": {"STACK": "gpu", "GPU_GB": "24", "MODEL": "Qwen/Qwen3-1.7B", "LORA": "32"},
    "eight gpus": {"STACK": "gpu", "GPUS": "8", "MODEL": "meta-llama/Llama-3.1-8B-Instruct"},
    "four nodes, ppo": {"STACK": "gpu", "GPUS": "8", "NODES": "4", "ALGO": "ppo"},
    "micro-batches": {"STACK": "gpu", "MICRO": "1"},
    "published reward": {"STACK": "gpu", "REWARD": "router_r1"},
}


@pytest.mark.parametrize("variables", VARIANTS.values(), ids=list(VARIANTS))
def test_verl_accepts_every_variant(variables: dict[str, str]) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    config = composed(**variables)
    for part in (
        config.actor_rollout_ref.rollout,
        config.actor_rollout_ref.actor,
        config.algorithm,
    ):
        omega_conf_to_dataclass(part)
    critic = need_critic(config)
    assert critic is (variables.get("ALGO") == "ppo")
    # verl's check of a critic loads its model.
    validate_config(config, use_reference_policy=need_reference_policy(config), use_critic=False)
    if variables.get("STACK") == "gpu":
        check_memory(config, float(variables.get("GPU_GB", 80)))


def test_one_worker_sees_all_costs_that_the_published_reward_compares() -> None:
    key = "actor_rollout_ref.rollout.agent.num_workers"
    assert OmegaConf.select(composed(STACK="gpu", REWARD="router_r1"), key) == 1
    assert OmegaConf.select(composed(STACK="gpu"), key) > 1


def test_on_gpus_kernels_are_fused_sequences_packed_and_batches_dynamic() -> None:
    from verl.utils.config import omega_conf_to_dataclass

    config = composed(STACK="gpu")
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    model, rollout = config.actor_rollout_ref.model, config.actor_rollout_ref.rollout
    assert model.use_fused_kernels and actor.use_fused_kernels
    assert model.use_remove_padding and actor.use_remove_padding
    longest = config.data.max_prompt_length + config.data.max_response_length
    assert rollout.max_model_len == longest
    for batches, tokens in (
        (actor.use_dynamic_bsz, actor.ppo_max_token_len_per_gpu),
        (rollout.log_prob_use_dynamic_bsz, rollout.log_prob_max_token_len_per_gpu),
        (
            config.actor_rollout_ref.ref.log_prob_use_dynamic_bsz,
            config.actor_rollout_ref.ref.log_prob_max_token_len_per_gpu,
        ),
    ):
        assert batches is True
        assert tokens >= longest, "verl refuses a sequence that is longer than a micro-batch"
    correction = config.algorithm.rollout_correction
    assert (correction.rollout_is, correction.bypass_mode) == ("token", False)
    # One storage actor: eight of them, and the trainer, wait forever for the CPUs of a small machine.
    assert config.transfer_queue.backend.SimpleStorage.num_data_storage_units == 1
    # Several optimiser steps a batch, so that the clip acts; the rate rises, and is not 0 in the first step.
    assert config.data.train_batch_size >= 2 * actor.ppo_mini_batch_size
    assert actor.optim.lr_warmup_steps > 0 and actor.optim.zero_indexed_step is False
    assert config.trainer.save_freq == config.trainer.test_freq >= 20


def test_the_critic_has_the_same_micro_batches_as_the_policy() -> None:
    from verl.workers.config import FSDPCriticConfig

    config = composed(STACK="gpu", ALGO="ppo")
    assert "ppo_infer_max_token_len_per_gpu" in FSDPCriticConfig.__dataclass_fields__
    tokens = config.actor_rollout_ref.actor.ppo_max_token_len_per_gpu
    assert config.critic.ppo_infer_max_token_len_per_gpu == tokens
    assert config.critic.ppo_max_token_len_per_gpu == tokens


def test_one_gpu_offloads_and_several_nodes_keep_a_copy_each() -> None:
    one = composed(STACK="gpu").actor_rollout_ref.actor.fsdp_config
    assert one.param_offload and one.optimizer_offload and one.fsdp_size == -1
    eight = composed(STACK="gpu", GPUS="8").actor_rollout_ref.actor.fsdp_config
    assert not eight.param_offload and eight.fsdp_size == -1
    nodes = composed(STACK="gpu", GPUS="8", NODES="4").actor_rollout_ref.actor.fsdp_config
    assert nodes.fsdp_size == 8


def test_an_override_that_does_not_fit_is_found_in_the_configuration() -> None:
    check_memory(composed(STACK="gpu"), gpu_gib=80)
    slow = composed("actor_rollout_ref.model.use_fused_kernels=False", STACK="gpu")
    with pytest.raises(ConfigError, match=r"the update needs \d+ GiB on each GPU"):
        check_memory(slow, gpu_gib=80)
