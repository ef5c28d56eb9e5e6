"""The training loop: cross-entropy on the policy's tokens of demonstrations.

Muon (Jordan et al., 2024) optimises the matrices and AdamW (Loshchilov and Hutter, 2019) the rest. For models this
small, the combination reaches a given loss in less than half the time of AdamW alone. The loop is made for small models
on two CPU cores; for large ones use a library made for them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from router_r1.errors import ConfigError
from router_r1_envs.supervised.demonstrations import Example
from router_r1_envs.supervised.muon import Muon
from router_r1_envs.supervised.progress import Progress

_REPORT_EVERY = 25
_MIN_RATE = 0.05
_SORTED_BATCHES = 16


@dataclass(frozen=True)
class PaddedBatch:
    """Right-padded sequences; all tensors have the shape (sequences, tokens)."""

    ids: torch.Tensor
    attend: torch.Tensor
    """1 for tokens, 0 for padding."""
    learn: torch.Tensor
    """True for the tokens to learn."""

    def to(self, device: torch.device) -> PaddedBatch:
        """The batch on another device."""
        return PaddedBatch(self.ids.to(device), self.attend.to(device), self.learn.to(device))


def train(
    model: Any,
    examples: Sequence[Example],
    *,
    steps: int,
    batch_size: int = 64,
    lr: float = 2e-3,
    muon_lr: float = 0.02,
    warmup: int = 30,
    decay: float = 0.3,
    bf16: bool | None = None,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> float:
    """Train `model` in place.

    Args:
        model: a causal language model from transformers.
        examples: what to learn; repeated in a new order as often as `steps` requires.
        steps: optimiser steps.
        batch_size: sequences per step.
        lr: peak learning rate of AdamW, for embeddings, norms and biases.
        muon_lr: peak learning rate of Muon, for matrices.
        warmup: steps of linear warm-up.
        decay: share of the steps, at the end, in which the rates fall linearly to a twentieth; from 0 to 1.
        bf16: compute in bfloat16; weights stay in float32. None does so if the machine has instructions for it.
        seed: seed of the order.
        on_progress: called every 25 steps and at the end.

    Returns:
        The mean loss in the last report, which covers 25 steps, or fewer if 25 does not divide `steps`.

    Raises:
        ConfigError: there are no examples.
    """
    if not examples:
        raise ConfigError("there are no demonstrations to learn from")
    optimizers = _make_optimizers(model, lr, muon_lr)
    batches = _batches(examples, batch_size, model.config.pad_token_id, seed)
    began = time.monotonic()
    recent: list[float] = []
    loss = float("nan")
    if bf16 is None:
        bf16 = has_fast_bf16(model.device)
    stock_attention = model.config._attn_implementation
    model.set_attn_implementation(_ATTENTION if bf16 else stock_attention)
    model.train()
    for step in range(1, steps + 1):
        factor = _rate_factor(step, steps, warmup, decay)
        recent.append(_step(model, next(batches).to(model.device), optimizers, factor, bf16))
        if step % _REPORT_EVERY == 0 or step == steps:
            loss, recent = sum(recent) / len(recent), []
            if on_progress:
                on_progress(Progress(step, steps, loss, time.monotonic() - began))
    model.eval()
    model.set_attn_implementation(stock_attention)
    return loss


def _make_optimizers(model: Any, lr: float, muon_lr: float) -> list[tuple[Any, float]]:
    """The optimisers and their peak learning rates."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    adam_w = torch.optim.AdamW(others, lr=lr, weight_decay=0.0, betas=(0.9, 0.98))
    return [(Muon(matrices, lr=muon_lr), muon_lr), (adam_w, lr)]


def _rate_factor(step: int, steps: int, warmup: int, decay: float) -> float:
    """The learning rate of a step (from 1) over its peak: linear warm-up, constant, linear decay."""
    left = 1 - step / steps
    return min(1.0, step / warmup, max(_MIN_RATE, left / decay) if decay else 1.0)


def _step(
    model: Any, batch: PaddedBatch, optimizers: list[tuple[Any, float]], factor: float, bf16: bool
) -> float:
    """One optimiser step; returns the loss before it."""
    for optimizer, peak in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = peak * factor
    loss = _loss(model, batch, bf16)
    model.zero_grad(set_to_none=True)
    loss.backward()
    clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, _ in optimizers:
        optimizer.step()
    return float(loss.item())


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here. A CPU without AVX-512 emulates it, ten times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


# On a CPU the backward pass of attention is slower in bfloat16 than in float32; everything else is faster.
_ATTENTION = "sdpa_float32"


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in float32 under autocast; tensors of shape (sequences, heads, tokens, head size)."""
    with torch.autocast(query.device.type, enabled=False):
        output = functional.scaled_dot_product_attention(
            query.float(),
            key.float(),
            value.float(),
            attn_mask=attention_mask,
            is_causal=attention_mask is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register(_ATTENTION, _attention)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)


def _loss(model: Any, batch: PaddedBatch, bf16: bool) -> torch.Tensor:
    """Mean cross-entropy over the tokens to learn; logits are computed for these only."""
    with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=bf16):
        hidden = model.model(
            input_ids=batch.ids[:, :-1], attention_mask=batch.attend[:, :-1], use_cache=False
        ).last_hidden_state
        logits = model.lm_head(hidden[batch.learn[:, 1:]])
    return functional.cross_entropy(logits.float(), batch.ids[:, 1:][batch.learn[:, 1:]])


def _batches(examples: Sequence[Example], size: int, pad: int, seed: int) -> Iterator[PaddedBatch]:
    """Endless batches of sequences of similar length, so that there is little padding."""
    rng = random.Random(seed)
    while True:
        order = list(range(len(examples)))
        rng.shuffle(order)
        for at in range(0, len(order), size * _SORTED_BATCHES):
            chunk = order[at : at + size * _SORTED_BATCHES]
            chunk.sort(key=lambda i: len(examples[i].ids))
            groups = [chunk[i : i + size] for i in range(0, len(chunk), size)]
            rng.shuffle(groups)
            for group in groups:
                yield _pad([examples[i] for i in group], pad)


def _pad(examples: Sequence[Example], pad: int) -> PaddedBatch:
    width = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), width), pad)
    learn = torch.zeros((len(examples), width), dtype=torch.bool)
    attend = torch.zeros((len(examples), width), dtype=torch.long)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        learn[row, :length] = torch.tensor(example.mask, dtype=torch.bool)
        attend[row, :length] = 1
    return PaddedBatch(ids, attend, learn)
