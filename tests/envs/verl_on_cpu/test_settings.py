"""Launch settings for a CPU: overrides for the rollout backends that run there."""

import pytest

from router_r1_envs.verl_on_cpu import settings


def test_an_unknown_rollout_backend_is_an_error():
    with pytest.raises(ValueError, match="it must be hf_cpu or vllm"):
        settings.overrides(rollout="sglang")
    assert "actor_rollout_ref.rollout.name=vllm" in settings.overrides(rollout="vllm")
