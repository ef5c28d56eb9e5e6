"""What the sampler takes and returns: sampling parameters, a request, and the turn that was generated."""

from __future__ import annotations

import random
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from router_r1_envs.cpu_inference.stop_strings import StopStrings

FinishReason = Literal["stop", "length", "aborted"]


@dataclass(frozen=True)
class SamplingParams:
    """How the tokens of a turn are sampled, and what ends the turn. The token that ends it is part of it.

    Raises:
        ValueError: a value is out of range.
    """

    max_tokens: int
    temperature: float = 1.0
    """Sampling temperature; 0 decodes greedily."""
    top_p: float = 1.0
    """Threshold of nucleus sampling, in (0, 1]; 1 keeps all tokens."""
    top_k: int = -1
    """Number of most likely tokens to sample from; 0 or less keeps all tokens."""
    stop: tuple[str, ...] = ()
    stop_token_ids: frozenset[int] = frozenset()
    seed: int | None = None
    """Seed of the request; None derives it from the sampler's seed and the number of the request."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(
                f"expected max_tokens of 1 or more, temperature of 0 or more, and top_p in (0, 1], got {self}"
            )


@dataclass(frozen=True)
class GeneratedTurn:
    """The tokens of a finished turn."""

    token_ids: list[int]
    log_probs: list[float]
    """Log-probability of each token at the sampling temperature (1 for greedy turns), before top-p and top-k."""
    finish_reason: FinishReason
    version: int | None
    """Version of the weights that generated the turn."""
    cached_tokens: int
    """Number of prompt tokens whose keys and values were already cached."""


@dataclass(eq=False)
class GenerationRequest:
    """A request for one turn, waiting or running."""

    prompt: list[int]
    sampling: SamplingParams
    session: str | None
    """Each request of a session extends the previous one, whose cache it reuses; None caches nothing."""
    stop_strings: StopStrings | None
    rng: random.Random
    """The request's own stream of random numbers."""
    done: Future[GeneratedTurn] = field(default_factory=Future)
