"""The keys and values of many sequences in one block of memory, one row per sequence, for a Hugging Face model.

A forward pass covers a window: adjacent rows, and for each of their new tokens the position it is written to.
The rows of a window may be filled to different lengths. Rows can be swapped and copied, and the block grows when a row
or a position beyond its end is needed.

Unlike transformers' implementations, `grouped_attention` does not repeat keys in every step for the query heads that
share them. Only full attention is supported; `running_batch` rejects models with sliding windows.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers.cache_utils import Cache, CacheLayerMixin

ATTENTION = "router_r1_grouped"
"""Name of `grouped_attention` in transformers' registry; set the model's `_attn_implementation` to it."""

_LENGTH_STEP = 64


class _LayerCache(CacheLayerMixin):  # type: ignore[misc]
    """The block of one layer: keys and values of shape (rows, length, heads, head size)."""

    def __init__(self, heads: int, head_size: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.keys = torch.zeros((0, 0, heads, head_size), dtype=dtype)
        self.values = self.keys
        self.is_initialized = True
        self.window: tuple[slice, slice] = (slice(0), slice(0))
        self.target = torch.zeros(0, dtype=torch.long)

    def grow(self, rows: int, length: int) -> None:
        """Enlarge the block. New memory is zeroed: masked positions are read, and a NaN there would spread."""
        old_rows, old_length, *rest = self.keys.shape
        for name in ("keys", "values"):
            block = torch.zeros((rows, length, *rest), dtype=self.keys.dtype)
            block[:old_rows, :old_length] = getattr(self, name)
            setattr(self, name, block)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the window's new keys and values; return everything in the rows of the window.

        Args:
            key_states: (rows, heads, new tokens, head size).
            value_states: the same shape.
            args: ignored; transformers passes them.
            kwargs: ignored.
        """
        for block, new in ((self.keys, key_states), (self.values, value_states)):
            flat = block.view(-1, block.shape[2] * block.shape[3])
            flat.index_copy_(0, self.target, new.transpose(1, 2).reshape(-1, flat.shape[1]))
        return self.keys[self.window].transpose(1, 2), self.values[self.window].transpose(1, 2)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: `grow` allocates the block."""

    def get_seq_length(self) -> int:
        """Positions in the window."""
        return int(self.window[1].stop)

    def get_max_cache_shape(self) -> int:
        """Positions in the block."""
        return int(self.keys.shape[1])

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the keys that a mask covers."""
        return self.get_seq_length(), 0


class KVCache(Cache):  # type: ignore[misc]
    """The blocks of all layers. The last position of a row takes what padding writes, and is never read."""

    def __init__(self, config: Any, dtype: torch.dtype) -> None:
        """
        Args:
            config: the model's configuration.
            dtype: the model's number format.
        """
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        heads = config.num_key_value_heads
        self._layers = [_LayerCache(heads, size, dtype) for _ in range(config.num_hidden_layers)]
        super().__init__(layers=self._layers)

    def set_window(self, first: int, positions: torch.Tensor) -> torch.Tensor:
        """Choose what the next forward pass writes and reads.

        Args:
            first: the first row of the window.
            positions: (rows, new tokens); where each token goes, negative for padding.

        Returns:
            The attention mask of the pass, (rows, 1, new tokens, length).
        """
        rows, length = first + positions.shape[0], int(positions.max()) + 1
        self.reserve(rows, length)
        capacity = self._layers[0].keys.shape[1]
        spare = capacity - 1
        target = torch.where(positions < 0, spare, positions)
        target = target + torch.arange(first, rows)[:, None] * capacity
        for layer in self._layers:
            layer.window = (slice(first, rows), slice(length))
            layer.target = target.flatten()
        # Padding may attend to the first position: a softmax over nothing would be NaN.
        return (torch.arange(length) <= positions.clamp(min=0)[:, :, None])[:, None]

    def reserve(self, rows: int, length: int) -> None:
        """Make room for this many rows of this length."""
        have_rows, have_length = self._layers[0].keys.shape[:2]
        if rows > have_rows or length >= have_length:
            # Double the rows, so that growing row by row does not copy the block each time.
            rows = max(rows, 2 * have_rows) if rows > have_rows else have_rows
            length = max(have_length, (length // _LENGTH_STEP + 1) * _LENGTH_STEP)
            for layer in self._layers:
                layer.grow(rows, length)

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange the first `length` positions of two rows."""
        for layer in self._layers:
            for block in (layer.keys, layer.values):
                kept = block[one, :length].clone()
                block[one, :length] = block[other, :length]
                block[other, :length] = kept

    def copy(self, source: int, rows: list[int], length: int) -> None:
        """Copy the first `length` positions of the row `source` to other rows."""
        self.reserve(max(rows) + 1, length)
        for layer in self._layers:
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
    """Grouped-query attention (Ainslie et al., 2023) that computes query heads with shared keys as one head.

    Args:
        module: the attention layer; not used.
        query: (rows, query heads, new tokens, head size).
        key: (rows, key heads, length, head size).
        value: the same shape as `key`.
        attention_mask: (rows, 1, new tokens, length); true where a token may attend.
        scaling: factor of the scores; by default one over the square root of the head size.
        kwargs: options of other kinds of attention; those that are not supported must be None.

    Returns:
        The output, (rows, new tokens, query heads, head size), and None in place of the attention weights.

    Raises:
        ValueError: there is no mask, or an option is not supported.
    """
    unsupported = [k for k in ("sliding_window", "softcap", "s_aux") if kwargs.get(k) is not None]
    if unsupported or attention_mask is None:
        problem = f"does not support {', '.join(unsupported)}" if unsupported else "needs a mask"
        raise ValueError(f"the attention {ATTENTION} {problem}")
    rows, heads, tokens, size = query.shape
    key_heads = key.shape[1]
    group = heads // key_heads
    if tokens > 1:
        attention_mask = attention_mask.repeat(1, 1, group, 1)
    output = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, key_heads, group * tokens, size),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return output.reshape(rows, heads, tokens, size).transpose(1, 2), None


transformers.AttentionInterface.register(ATTENTION, grouped_attention)
