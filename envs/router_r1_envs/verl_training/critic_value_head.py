"""verl's critic without flash attention, which its loader insists on: `VERL_USE_EXTERNAL_MODULES=router_r1_envs.verl_training.critic_value_head`.

Imported in each of verl's processes, on GPUs by itself and on a CPU by `on_cpu.plugin`. Where flash attention is
installed nothing is changed.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import verl.utils.model


def load_valuehead_model(
    local_path: str, torch_dtype: Any, model_config: Any, trust_remote_code: bool
) -> Any:
    """As verl's function of this name, with torch's own attention."""
    from transformers import AutoModelForTokenClassification

    return AutoModelForTokenClassification.from_pretrained(
        local_path,
        dtype=torch_dtype,
        config=model_config,
        attn_implementation="sdpa",
        trust_remote_code=trust_remote_code,
    )


if importlib.util.find_spec("flash_attn") is None:
    verl.utils.model.load_valuehead_model = load_valuehead_model
