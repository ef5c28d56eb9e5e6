"""Keys and values of many texts in one block of memory, a row each, for a Hugging Face model.

A forward pass runs over a *window*: neighbouring rows, and for each of its tokens the position it is written to. The
rows of a window may be filled to different lengths. Rows can be swapped and copied, and the block grows when a row or a
position beyond its end is asked for.

Attention is computed without repeating keys for the query heads that share them, which the stock implementations do in
every step. Only full attention; the caller refuses models that slide.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers.cache_utils import Cache, CacheLayerMixin

ATTENTION = "router_r1_grouped"
"""The name of `grouped_attention` in transformers' registry: what a model's `_attn_implementation` has to be."""

_LENGTH_STEP = 64


class _RowLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's share of the block: `[rows, length, heads, head size]`, for keys and for values."""

    def __init__(self, heads: int, head_size: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.keys = torch.zeros((0, 0, heads, head_size), dtype=dtype)
        self.values = self.keys
        self.is_initialized = True
        self.window: tuple[slice, slice] = (slice(0), slice(0))
        self.target = torch.zeros(0, dtype=torch.long)

    def grow(self, rows: int, length: int) -> None:
        """Make room. What is new is zero: masked positions are read, and a NaN there would spread."""
        old_rows, old_length, *rest = self.keys.shape
        for name in ("keys", "values"):
            block = torch.zeros((rows, length, *rest), dtype=self.keys.dtype)
            block[:old_rows, :old_length] = getattr(self, name)
            setattr(self, name, block)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the window's new keys and values, and return all that its rows hold."""
        for block, new in ((self.keys, key_states), (self.values, value_states)):
            flat = block.view(-1, block.shape[2] * block.shape[3])
            flat.index_copy_(0, self.target, new.transpose(1, 2).reshape(-1, flat.shape[1]))
        return self.keys[self.window].transpose(1, 2), self.values[self.window].transpose(1, 2)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """The block is made by `grow`."""

    def get_seq_length(self) -> int:
        """Positions in the window."""
        return int(self.window[1].stop)

    def get_max_cache_shape(self) -> int:
        """Positions in the block."""
        return int(self.keys.shape[1])

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the keys that a mask has to cover."""
        return self.get_seq_length(), 0


class RowCache(Cache):  # type: ignore[misc]
    """The block of all layers. Its last position takes what padding writes, and is never read."""

    def __init__(self, config: Any, dtype: torch.dtype) -> None:
        """
        Args:
            config: the model's configuration.
            dtype: the model's number format.
        """
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        heads = config.num_key_value_heads
        self._rows = [_RowLayer(heads, size, dtype) for _ in range(config.num_hidden_layers)]
        super().__init__(layers=self._rows)

    def window(self, first: int, positions: torch.Tensor) -> torch.Tensor:
        """Choose what the next forward pass writes and reads; returns its mask.

        Args:
            first: the first row.
            positions: for each row and each of its tokens where it goes; negative for padding.
        """
        rows, length = first + positions.shape[0], int(positions.max()) + 1
        self.reserve(rows, length)
        capacity = self._rows[0].keys.shape[1]
        spare = capacity - 1
        target = torch.where(positions < 0, spare, positions)
        target = target + torch.arange(first, rows)[:, None] * capacity
        for layer in self._rows:
            layer.window = (slice(first, rows), slice(length))
            layer.target = target.flatten()
        # Padding may see the first position: a row of a softmax without any would be NaN.
        return (torch.arange(length) <= positions.clamp(min=0)[:, :, None])[:, None]

    def reserve(self, rows: int, length: int) -> None:
        """Make room for so many rows of this length."""
        have_rows, have_length = self._rows[0].keys.shape[:2]
        if rows > have_rows or length >= have_length:
            # Twice the rows at once, so that growing row by row does not copy the block each time.
            rows = max(rows, 2 * have_rows) if rows > have_rows else have_rows
            length = max(have_length, (length // _LENGTH_STEP + 1) * _LENGTH_STEP)
            for layer in self._rows:
                layer.grow(rows, length)

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange two rows, up to a length."""
        for layer in self._rows:
            for block in (layer.keys, layer.values):
                kept = block[one, :length].clone()
                block[one, :length] = block[other, :length]
                block[other, :length] = kept

    def copy(self, source: int, rows: list[int], length: int) -> None:
        """Copy a row onto others, up to a length."""
        self.reserve(max(rows) + 1, length)
        for layer in self._rows:
            for block in (layer.keys, layer.values):
                block[rows, :length] = block[source, :length]


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in which the query heads that share keys are computed as one head with more queries."""
    unsupported = [k for k in ("sliding_window", "softcap", "s_aux") if kwargs.get(k) is not None]
    if unsupported or attention_mask is None:
        raise ValueError(
            f"{ATTENTION} needs a mask and knows no {', '.join(unsupported) or 'None'}"
        )
    batch, heads, length, size = query.shape
    shared = key.shape[1]
    group = heads // shared
    if length > 1:
        attention_mask = attention_mask.repeat(1, 1, group, 1)
    output = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(batch, shared, group * length, size),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return output.reshape(batch, heads, length, size).transpose(1, 2), None


transformers.AttentionInterface.register(ATTENTION, grouped_attention)
