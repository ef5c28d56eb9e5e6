"""How much memory a training run needs on each GPU and on each node, and how much disk.

verl's trainer and vLLM share the GPUs and take turns. So there are two peaks:

    update       fp32 weights, gradients and two Adam moments, 16 bytes a parameter, divided among the GPUs that share
                 a copy (ZeRO: Rajbhandari et al. 2020, section 3); activations of one micro-batch; logits; vLLM asleep
    generation   vLLM's share of the GPU, and what the trainer leaves on it: weights and moments, 12 bytes a parameter,
                 or nothing if they are moved to the host between the phases

Activations: gradient checkpointing keeps the bf16 input of every layer, 2 bytes x hidden x layers a token, and computes
one layer again (Korthikanti et al. 2022, section 4, with gated feed-forward layers and without the attention matrix).
torch's attention gets the boundaries of packed sequences as a mask, 1 byte a pair of tokens and 2 in the kernel.
Logits: fused kernels hold a chunk of 512 tokens; without them every token has its vocabulary in bf16 and three times in
fp32. The reference policy is on the host: verl streams its layers.

An adapter (LoRA) trains few parameters: the weights are kept in fp32, gradients and moments are those of the adapter.
The estimate is meant to be within 15 percent. A GiB is 2^30 bytes, a GB 10^9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from router_r1_envs.verl_training.model_shapes import ModelShape

GIB = 2**30
USABLE = 0.985
"""Share of a GPU's nominal memory that a process can allocate: 78.8 GiB of 80."""
MARGIN = 0.05
"""Share of a GPU's memory that chosen settings leave free, because an estimate can be too low."""
MOST_UTILISATION = 0.6
"""The largest share of a GPU's memory that is chosen for vLLM."""
_WEIGHTS, _GRADIENTS, _MOMENTS = 4, 4, 8  # bytes a parameter
_CONTEXT_GIB = 2.5  # two CUDA contexts, communication buffers, and what vLLM keeps while it sleeps
_BUCKET_GIB = 2.0  # verl sends weights to vLLM in buckets
_VLLM_GIB = 2.5  # activations of a prefill, CUDA graphs
_CHUNK = 512  # tokens of a chunk of verl's fused kernels
_SEQUENCES = 4  # the longest episodes that vLLM must be able to hold at once


@dataclass(frozen=True, slots=True)
class TrainingLayout:
    """What a run's memory depends on."""

    shape: ModelShape
    gpu_gib: float
    """Nominal memory of a GPU."""
    gpus_per_node: int
    nodes: int
    shard_gpus: int
    """GPUs that share one copy of weights and moments: all of them, or those of a node (hybrid sharding)."""
    tensor_parallel: int
    """GPUs that share one rollout server."""
    micro_tokens: int
    """Tokens of a micro-batch on a GPU."""
    longest: int
    """Tokens of the longest episode, opening included."""
    utilisation: float
    """vLLM's share of a GPU's memory."""
    offload: bool
    """Weights and moments are moved to the host while vLLM generates."""
    host_update: bool = False
    """Weights, gradients and moments stay on the host, which also does the optimiser's step; slow."""
    critic: bool = False
    """PPO: a second model of the same shape is trained."""
    reference: bool = True
    """A KL loss needs the initial policy; with an adapter it is the policy without it."""
    lora_rank: int = 0
    """Rank of the adapter that is trained; 0 trains all weights."""
    fused: bool = True
    """Fused kernels for log-probs and entropy."""
    checkpointing: bool = True
    """Gradient checkpointing."""

    @property
    def trained(self) -> int:
        """Parameters that are trained, in one model."""
        if self.lora_rank:
            return self.shape.lora_parameters(self.lora_rank)
        return self.shape.parameters

    @property
    def held(self) -> int:
        """Parameters of one model, with its adapter."""
        return self.shape.parameters + (self.trained if self.lora_rank else 0)

    @property
    def models(self) -> int:
        """Models that are trained."""
        return 2 if self.critic else 1

    @property
    def usable_gib(self) -> float:
        """Memory that a process can allocate on a GPU."""
        return self.gpu_gib * USABLE


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """GiB of each part, on one GPU."""

    layout: TrainingLayout
    update: dict[str, float]
    """While the policy is updated."""
    generation: dict[str, float]
    """While episodes are played."""
    kv_tokens: int
    """Tokens of running episodes that one rollout server can hold."""
    host_gib: float
    """On each node, in main memory."""

    @property
    def update_gib(self) -> float:
        """The peak of the update."""
        return sum(self.update.values())

    @property
    def generation_gib(self) -> float:
        """The peak of the generation."""
        return sum(self.generation.values())

    @property
    def problem(self) -> str | None:
        """What does not fit, in one line; None if everything does."""
        usable = self.layout.usable_gib
        for name, total in (("update", self.update_gib), ("generation", self.generation_gib)):
            if total > usable:
                return f"the {name} needs {total:.0f} GiB on each GPU, which has {usable:.0f}"
        if self.kv_tokens < self.layout.longest:
            return (
                f"a rollout server has room for {self.kv_tokens} tokens, and an episode can have "
                f"{self.layout.longest}"
            )
        return None


def estimate_memory(layout: TrainingLayout) -> MemoryEstimate:
    """The memory of a run."""
    weights = _WEIGHTS * layout.held / layout.shard_gpus / GIB
    gradients = _GRADIENTS * layout.trained / layout.shard_gpus / GIB
    moments = _MOMENTS * layout.trained / layout.shard_gpus / GIB
    state = weights + moments
    update = {"weights, gradients, moments": weights + gradients + moments}
    if layout.host_update:
        update = {}
    elif layout.critic and not layout.offload:
        update["the other model"] = state
    update |= {
        "gathered layers": _gathered(layout) / GIB,
        "activations": _activations(layout) / GIB,
        "logits": _logits(layout) / GIB,
        "contexts": _CONTEXT_GIB,
    }
    resident = 0.0 if layout.offload or layout.host_update else state * layout.models
    transfer = _BUCKET_GIB + 4 * layout.shape.embedding_parameters / GIB
    if layout.lora_rank and not resident:
        transfer += weights  # an adapter is merged on the GPU
    generation = {
        "vLLM": layout.utilisation * layout.gpu_gib * USABLE,
        "weights, moments": resident,
        "weight transfer": transfer,
        "contexts": _CONTEXT_GIB / 2,
    }
    return MemoryEstimate(layout, update, generation, _kv_tokens(layout), _host(layout))


def best_utilisation(layout: TrainingLayout) -> float | None:
    """The largest share for vLLM that leaves room for the rest and for `MARGIN`, in steps of 0.05.

    Args:
        layout: its own utilisation is not used.

    Returns:
        The share, at most `MOST_UTILISATION`; None if it would be too small for a few of the longest episodes at once.
    """
    others = estimate_memory(replace(layout, utilisation=0.0)).generation_gib
    share = min(
        MOST_UTILISATION, math.floor((1 - MARGIN - others / layout.usable_gib) * 20 + 1e-9) / 20
    )
    if share <= 0:
        return None
    enough = _kv_tokens(replace(layout, utilisation=share)) >= _SEQUENCES * layout.longest
    return round(share, 2) if enough else None


def checkpoint_gb(layout: TrainingLayout) -> float:
    """GB of one checkpoint: weights, moments and, of the policy, the fp32 weights in the Hugging Face format."""
    policy = (_WEIGHTS + _WEIGHTS) * layout.held + _MOMENTS * layout.trained
    critic = (_WEIGHTS + _MOMENTS) * layout.shape.parameters if layout.critic else 0
    return (policy + critic) / 1e9


def disk_gb(layout: TrainingLayout, kept: int = 2) -> float:
    """GB of all checkpoints of a run at most: those kept, one being written, the best and its replacement."""
    best = _WEIGHTS * layout.held / 1e9
    return (kept + 1) * checkpoint_gb(layout) + 2 * best


def _gathered(layout: TrainingLayout) -> float:
    """Bytes of the bf16 weights of two layers and of the outer ones, and of the largest gradient before reduction."""
    shape = layout.shape
    outer = shape.embedding_parameters * (1 if shape.tied else 2)
    gathered = 2 * (2 * shape.layer_parameters + outer)
    if layout.lora_rank:
        return gathered
    return gathered + 6 * max(shape.layer_parameters, shape.embedding_parameters)


def _activations(layout: TrainingLayout) -> float:
    """Bytes of the activations of one micro-batch, and of the attention mask of packed sequences."""
    shape, tokens = layout.shape, layout.micro_tokens
    norms = 2 * (2 + 4 + 4) * shape.hidden  # the bf16 input, and fp32 copies
    attention = 2 * (3 * shape.attention_width + 4 * shape.kv_width) + 2 * shape.hidden
    feed_forward = 2 * 4 * shape.intermediate + 2 * shape.hidden
    layer = norms + attention + feed_forward
    if layout.checkpointing:
        # The inputs of all layers; one layer's activations and their gradients.
        per_token = 2 * shape.hidden * shape.layers + 2 * layer
    else:
        per_token = layer * (shape.layers + 1)
    return per_token * tokens + 3 * tokens**2


def _logits(layout: TrainingLayout) -> float:
    """Bytes of logits, log-probs and entropy."""
    vocabulary = layout.shape.vocabulary
    if layout.fused:
        return 4 * 5 * vocabulary * min(_CHUNK, layout.micro_tokens)
    return (2 + 3 * 4) * vocabulary * layout.micro_tokens


def _kv_tokens(layout: TrainingLayout) -> int:
    """Tokens that fit into the KV cache of one rollout server."""
    shape = layout.shape
    weights = 2 * shape.parameters / layout.tensor_parallel / GIB
    room = layout.utilisation * layout.usable_gib - weights - _VLLM_GIB
    per_token = 2 * 2 * shape.layers * shape.kv_width / layout.tensor_parallel
    return max(0, int(room * GIB / per_token))


def _host(layout: TrainingLayout) -> float:
    """GiB of main memory of a node."""
    copies = layout.gpus_per_node / layout.shard_gpus
    held = 0.0
    if layout.offload or layout.host_update:
        held = (_WEIGHTS * layout.held + _MOMENTS * layout.trained) * copies * layout.models
    if layout.host_update:
        held += _GRADIENTS * layout.trained * copies * layout.models
    if layout.reference and not layout.lora_rank:
        held += _WEIGHTS * layout.shape.parameters * copies
    # While a model with a tied output layer is loaded, every process holds all of it.
    loading = _WEIGHTS * layout.shape.parameters
    loading *= layout.gpus_per_node if layout.shape.tied else 1
    return max(held, loading) / GIB + 16  # Ray, the queue, agent loops
