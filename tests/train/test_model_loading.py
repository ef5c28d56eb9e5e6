"""verl loads models in an environment that also has TRL."""

import subprocess
import sys

import pytest

pytest.importorskip("verl")
pytestmark = pytest.mark.train

PROGRAM = """
import sys, types, importlib.machinery
trl = types.ModuleType("trl")  # like TRL 1: without the class that verl patches
trl.__spec__ = importlib.machinery.ModuleSpec("trl", None)
sys.modules["trl"] = trl
import torch, transformers
import router_r1_envs.verl_training.model_loading
from verl.models.transformers.monkey_patch import apply_monkey_patch
config = transformers.Qwen2Config(hidden_size=32, intermediate_size=64, num_hidden_layers=1, vocab_size=50,
                                  num_attention_heads=2, num_key_value_heads=2)
apply_monkey_patch(transformers.Qwen2ForCausalLM(config), use_remove_padding=True, use_fused_kernels=True,
                   fused_kernels_backend="torch")
print("loaded")
"""


def test_a_model_loads_beside_a_trl_without_value_heads() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.stdout.strip().endswith("loaded"), result.stderr[-1500:]
