"""verl loads models with the packages of this project: a critic without flash attention, any model beside TRL.

verl imports this module in each of its processes: on GPUs by
`VERL_USE_EXTERNAL_MODULES=router_r1_envs.verl_training.model_loading`, on a CPU through `verl_on_cpu.plugin`. Importing
it replaces `verl.utils.model.load_valuehead_model`, unless flash attention is installed; and verl no longer looks for
TRL, whose class for value heads it would patch: TRL 1 has none any more, and every model would fail to load.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import verl.models.transformers.monkey_patch
import verl.utils.import_utils
import verl.utils.model


def load_valuehead_model(
    local_path: str, torch_dtype: Any, model_config: Any, trust_remote_code: bool
) -> Any:
    """Load a model with one output per token, with torch's own attention.

    Args:
        local_path: the checkpoint's folder.
        torch_dtype: number format of the weights.
        model_config: the model's configuration.
        trust_remote_code: whether to run code that comes with the checkpoint.
    """
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


def _trl_is_not_available() -> bool:
    return False


for _module in (verl.utils.import_utils, verl.utils.model, verl.models.transformers.monkey_patch):
    _module.is_trl_available = _trl_is_not_available
