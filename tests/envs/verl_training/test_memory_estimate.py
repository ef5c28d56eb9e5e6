"""The memory estimate agrees with figures that were computed by hand, and says what does not fit."""

from dataclasses import replace

import pytest

from router_r1_envs.verl_training.memory_estimate import (
    TrainingLayout,
    best_utilisation,
    checkpoint_gb,
    disk_gb,
    estimate_memory,
)
from router_r1_envs.verl_training.model_shapes import shape_of


def layout(model="Qwen/Qwen2.5-3B-Instruct", gpus=1, **changes) -> TrainingLayout:
    given = {
        "shape": shape_of(model), "gpu_gib": 80, "gpus_per_node": gpus, "nodes": 1, "shard_gpus": gpus,
        "tensor_parallel": 1, "micro_tokens": 16384, "longest": 8192, "utilisation": 0.5, "offload": False,
    }  # fmt: skip
    return TrainingLayout(**given | changes)


@pytest.mark.parametrize(("size", "gb"), [("3B", 49), ("7B", 122)])
def test_a_checkpoint_is_sixteen_bytes_a_parameter(size, gb):
    assert round(checkpoint_gb(layout(f"Qwen/Qwen2.5-{size}"))) == gb
    # Two are kept while the third is written, and the best one is replaced by a copy.
    assert disk_gb(layout(f"Qwen/Qwen2.5-{size}")) == pytest.approx(3.5 * gb, rel=0.01)


def test_the_settings_that_fail_on_one_gpu_leave_about_five_gib_and_ppo_needs_109():
    grpo = estimate_memory(layout()).generation
    used = grpo["vLLM"] + grpo["weights, moments"]
    assert 79.1 - used == pytest.approx(5, abs=0.5)
    ppo = estimate_memory(layout(critic=True)).generation
    assert ppo["vLLM"] + ppo["weights, moments"] == pytest.approx(109, abs=1)
    assert estimate_memory(layout(critic=True)).problem == (
        "the update needs 95 GiB on each GPU, which has 79"
    )


def test_offloading_makes_a_3b_fit_one_gpu():
    offloaded = layout(offload=True)
    assert best_utilisation(offloaded) == 0.6
    assert estimate_memory(offloaded).problem is None
    assert estimate_memory(replace(offloaded, critic=True)).problem is None
    # vLLM gets what a trainer that stays leaves.
    assert best_utilisation(layout()) == pytest.approx(0.45)
    assert estimate_memory(offloaded).host_gib > estimate_memory(layout()).host_gib


def test_fused_kernels_save_the_logits():
    tokens = 4 * 5120
    unfused = estimate_memory(layout(micro_tokens=tokens, fused=False)).update["logits"]
    assert unfused == pytest.approx(40, abs=2)
    assert estimate_memory(layout(micro_tokens=tokens)).update["logits"] < 2


def test_sharding_and_adapters_need_less():
    seven = "Qwen/Qwen2.5-7B"
    assert "the update needs 1" in str(estimate_memory(layout(seven, offload=True)).problem)
    assert estimate_memory(layout(seven, gpus=8)).problem is None
    assert estimate_memory(layout(seven, offload=True, lora_rank=32)).problem is None
    small = layout("Qwen/Qwen2.5-1.5B", gpu_gib=24, offload=True, micro_tokens=8192)
    assert estimate_memory(small).problem is not None
    assert estimate_memory(replace(small, lora_rank=32)).problem is None


def test_a_rollout_server_without_room_for_an_episode_is_a_problem():
    estimate = estimate_memory(layout("Qwen/Qwen2.5-7B", gpus=8, utilisation=0.21))
    assert "a rollout server has room for" in str(estimate.problem)
    assert best_utilisation(layout("Qwen/Qwen2.5-72B", gpus=8)) is None
