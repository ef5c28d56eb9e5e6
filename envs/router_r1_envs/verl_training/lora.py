"""Makes a checkpoint of verl that has an adapter (LoRA) one that every loader reads: merges the adapter into the weights.

verl writes the weights of the model that PEFT wraps: `base_model.model.` before every name, `.base_layer` and
`.lora_A.default` inside, under the configuration of the bare model. Rank and scale are in a file of their own.
"""

from __future__ import annotations

import json
from pathlib import Path

from router_r1.errors import DataError

ADAPTER_SETTINGS = "lora_train_meta.json"
"""verl's file with rank and scale of the adapter, beside the folder with the weights."""
_FACTOR = ".lora_A."
_PREFIX = "base_model.model."


def merge_adapter(folder: Path, settings: Path) -> None:
    """Merge the adapter in a folder of verl's weights, in place. Does nothing if the weights have no adapter.

    Args:
        folder: a configuration and weights in the Hugging Face format.
        settings: verl's file with rank (`r`) and scale (`lora_alpha`).

    Raises:
        DataError: the weights do not fit the configuration.
    """
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM

    files = sorted(folder.glob("*.safetensors"))
    tensors = {name: value for file in files for name, value in load_file(file).items()}
    adapted = sorted(
        name.removeprefix(_PREFIX).partition(_FACTOR)[0] for name in tensors if _FACTOR in name
    )
    if not adapted:
        return
    given = json.loads(settings.read_text())
    bare = AutoModelForCausalLM.from_config(
        AutoConfig.from_pretrained(folder), dtype=next(iter(tensors.values())).dtype
    )
    wrapped = get_peft_model(
        bare,
        LoraConfig(r=given["r"], lora_alpha=given["lora_alpha"], target_modules=adapted),
        autocast_adapter_dtype=False,
    )
    result = wrapped.load_state_dict(tensors, strict=False)
    tied = {f"{_PREFIX}{name}" for name in bare.all_tied_weights_keys}
    wrong = [*result.unexpected_keys, *(set(result.missing_keys) - tied)]
    if wrong:
        raise DataError(
            f"{folder}: the weights do not fit the configuration, {len(wrong)} names differ ({wrong[0]}); "
            f"the adapter cannot be merged"
        )
    merged = wrapped.merge_and_unload()
    for old in [*files, *folder.glob("*.safetensors.index.json")]:
        old.unlink()
    merged.save_pretrained(folder)
