"""The shapes of decoder-only language models: what memory and time depend on.

A shape comes from the model's `config.json` if its folder exists, or else from the table of models that are trained
often, by their names on the hub. The table holds facts of the published `config.json` files; a test compares the
parameters that follow from them with the published counts.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.errors import ConfigError, one_line


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a dense transformer with gated feed-forward layers and grouped-query attention."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    """Whether the output layer shares its weights with the embedding."""
    attention_bias: bool = False
    """Whether the projections to queries, keys and values have a bias (Qwen2.5)."""
    query_key_norm: bool = False
    """Whether queries and keys are normalized per head (Qwen3)."""

    @property
    def attention_width(self) -> int:
        """Numbers per token in all queries, and in the output of attention."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Numbers per token and layer in all keys, and as many in all values."""
        return self.kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer."""
        attention = self.hidden * (2 * self.attention_width + 2 * self.kv_width)
        if self.attention_bias:
            attention += self.attention_width + 2 * self.kv_width
        norms = 2 * self.hidden + (2 * self.head_dim if self.query_key_norm else 0)
        return attention + 3 * self.hidden * self.intermediate + norms

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding; the output layer has as many."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All parameters."""
        outer = self.embedding_parameters * (1 if self.tied else 2) + self.hidden
        return self.layers * self.layer_parameters + outer

    def lora_parameters(self, rank: int) -> int:
        """Parameters of an adapter of this rank on every linear layer except the output layer."""
        inner = (
            2 * (self.hidden + self.attention_width)
            + 2 * (self.hidden + self.kv_width)
            + 3 * (self.hidden + self.intermediate)
        )
        return self.layers * rank * inner


_QWEN25 = {"attention_bias": True}
_QWEN3 = {"query_key_norm": True}
SHAPES: dict[str, ModelShape] = {
    "Qwen/Qwen2.5-0.5B": ModelShape(24, 896, 4864, 14, 2, 64, 151936, True, **_QWEN25),
    "Qwen/Qwen2.5-1.5B": ModelShape(28, 1536, 8960, 12, 2, 128, 151936, True, **_QWEN25),
    "Qwen/Qwen2.5-3B": ModelShape(36, 2048, 11008, 16, 2, 128, 151936, True, **_QWEN25),
    "Qwen/Qwen2.5-7B": ModelShape(28, 3584, 18944, 28, 4, 128, 152064, False, **_QWEN25),
    "Qwen/Qwen2.5-14B": ModelShape(48, 5120, 13824, 40, 8, 128, 152064, False, **_QWEN25),
    "Qwen/Qwen2.5-32B": ModelShape(64, 5120, 27648, 40, 8, 128, 152064, False, **_QWEN25),
    "Qwen/Qwen2.5-72B": ModelShape(80, 8192, 29568, 64, 8, 128, 152064, False, **_QWEN25),
    "Qwen/Qwen3-0.6B": ModelShape(28, 1024, 3072, 16, 8, 128, 151936, True, **_QWEN3),
    "Qwen/Qwen3-1.7B": ModelShape(28, 2048, 6144, 16, 8, 128, 151936, True, **_QWEN3),
    "Qwen/Qwen3-4B": ModelShape(36, 2560, 9728, 32, 8, 128, 151936, True, **_QWEN3),
    "Qwen/Qwen3-8B": ModelShape(36, 4096, 12288, 32, 8, 128, 151936, False, **_QWEN3),
    "Qwen/Qwen3-14B": ModelShape(40, 5120, 17408, 40, 8, 128, 151936, False, **_QWEN3),
    "Qwen/Qwen3-32B": ModelShape(64, 5120, 25600, 64, 8, 128, 151936, False, **_QWEN3),
    "meta-llama/Llama-3.2-1B": ModelShape(16, 2048, 8192, 32, 8, 64, 128256, True),
    "meta-llama/Llama-3.2-3B": ModelShape(28, 3072, 8192, 24, 8, 128, 128256, True),
    "meta-llama/Llama-3.1-8B": ModelShape(32, 4096, 14336, 32, 8, 128, 128256, False),
    "meta-llama/Llama-3.1-70B": ModelShape(80, 8192, 28672, 64, 8, 128, 128256, False),
    "meta-llama/Llama-3.3-70B": ModelShape(80, 8192, 28672, 64, 8, 128, 128256, False),
    "HuggingFaceTB/SmolLM2-135M": ModelShape(30, 576, 1536, 9, 3, 64, 49152, True),
    "HuggingFaceTB/SmolLM2-360M": ModelShape(32, 960, 2560, 15, 5, 64, 49152, True),
    "HuggingFaceTB/SmolLM2-1.7B": ModelShape(24, 2048, 8192, 32, 32, 64, 49152, True),
}
"""Shapes by the name of the base model on the hub; see `shape_of`."""
_VARIANTS = ("-Instruct-2507", "-Thinking-2507", "-Instruct", "-Base")


def shape_of(model: str) -> ModelShape | None:
    """The shape of a model, or None if it is not known here.

    Args:
        model: a folder with a `config.json`, or a name on the hub. Instruction-tuned variants have the base's shape.

    Raises:
        ConfigError: the folder's `config.json` is none of a dense decoder-only transformer.
    """
    file = Path(os.path.expanduser(model)) / "config.json"
    if file.is_file():
        try:
            return _from_config(json.loads(file.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{file}: not the configuration of a decoder-only model: {one_line(repr(error))}"
            ) from error
    for ending in _VARIANTS:
        if model.endswith(ending):
            model = model.removesuffix(ending)
            break
    return SHAPES.get(model)


def _from_config(config: dict[str, Any]) -> ModelShape:
    """The shape in a `config.json` as transformers writes it."""
    kind = config.get("model_type", "")
    heads = config["num_attention_heads"]
    return ModelShape(
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        tied=config.get("tie_word_embeddings", kind in ("qwen3",)),
        attention_bias=kind == "qwen2" or bool(config.get("attention_bias")),
        query_key_norm=kind == "qwen3",
    )
