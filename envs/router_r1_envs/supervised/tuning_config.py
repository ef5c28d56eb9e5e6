"""Settings of the training of an existing checkpoint: by imitation, and from preferences."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from router_r1.config import RandomSeed, StrictModel
from router_r1_envs.supervised.scored_episodes import Keep

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]

Method = Literal["full", "lora", "qlora"]
DEFAULT_RATES: dict[str, dict[Method, float]] = {
    "imitation": {"full": 1e-4, "lora": 5e-4, "qlora": 5e-4},
    "dpo": {"full": 1e-6, "lora": 1e-5, "qlora": 1e-5},
}
"""Peak learning rates where the settings have none, after a linear warm-up and before a cosine decay."""


class TuningConfig(StrictModel):
    """How the weights of a checkpoint are trained."""

    seed: RandomSeed = 0
    """Seed of the examples, their order, and an adapter's weights."""
    method: Method = "full"
    """`full` trains all weights; `lora` an adapter, which is merged at the end; `qlora` one on 4-bit weights, on a GPU."""
    learning_rate: Positive | None = None
    """Peak learning rate. Unset: for imitation 1e-4 with `full` and 5e-4 with an adapter, for DPO 1e-6 and 1e-5."""
    epochs: Positive = 2.0
    """Passes over the examples."""
    batch_size: Count = 16
    """Examples (or pairs) per optimiser step."""
    micro_batch: Count = 4
    """Examples (or pairs) per forward pass; must divide `batch_size`. Fewer need less memory."""
    max_tokens: Count = 2048
    """Longest example in tokens, opening included; longer ones are left out, never cut."""
    lora_rank: Count = 16
    """Rank of an adapter."""
    lora_alpha: Count = 32
    """Scale of an adapter, in units of its rank."""
    save_every: Count = 50
    """Optimiser steps between checkpoints, from which an interrupted training resumes."""
    bf16: bool = False
    """On a CPU: multiply in bfloat16, twice as fast on processors with AMX. On a GPU that is always so."""

    @model_validator(mode="after")
    def _micro_batch_divides(self) -> Self:
        if self.batch_size % self.micro_batch:
            raise ValueError(
                f"micro_batch is {self.micro_batch} and batch_size {self.batch_size}; it must divide that"
            )
        return self


class SamplingSettings(StrictModel):
    """How episodes are sampled from a policy."""

    questions: Count = 500
    """Training questions that are played, from the first."""
    tries: Count = 8
    """Episodes per question."""
    temperature: Positive = 1.0
    """Temperature of a checkpoint that is sampled; an agent file states its own."""


class ImitateConfig(TuningConfig, SamplingSettings):
    """What a checkpoint imitates, and how it is trained."""

    max_examples: Count = 1000
    """Most examples to train on; of more, this many are drawn."""
    keep: Keep = "reward"
    """Which episodes are imitated: `valid` with an answer, `right` with a right one, `reward` with a reward above 0."""
    per_question: Count = 1
    """Most episodes that are imitated per question and level, from the highest reward."""
    detours: Annotated[int, Field(ge=0)] = 1
    """On a table, demonstrations that begin with drawn candidates, for each one that does not."""
    copy_question: bool = True
    """On a table in the text view: routes repeat the question. False: they say `question`, which no live model knows."""


class PreferenceConfig(TuningConfig):
    """How a checkpoint is trained on pairs."""

    epochs: Positive = 1.0
    """Passes over the pairs."""
    beta: Positive = 0.1
    """Strength of the tie to the initial policy; smaller values let the policy move further."""


class DPOConfig(PreferenceConfig, SamplingSettings):
    """Which episodes are compared, and how the checkpoint is trained on them."""

    margin: Annotated[float, Field(ge=0)] = 0.1
    """Least difference of the rewards of a pair."""
    per_question: Count = 2
    """Most pairs per question and level: the best episode against the worst ones."""
