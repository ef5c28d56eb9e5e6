"""Prices and token usage: what a call costs. Sums over many calls are in `ledger.py`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeGuard

from pydantic import Field

from router_r1.config import StrictModel

TOKENS_PER_PRICE_UNIT = 1_000_000
MAX_PRICE = 1e9
"""Dollars per million tokens; with larger ones sums of costs could overflow."""


class Price(StrictModel):
    """The price of one model, in US dollars per million tokens."""

    input: float = Field(ge=0, le=MAX_PRICE, strict=True)
    """Dollars per million prompt tokens not read from the provider's cache."""
    output: float = Field(ge=0, le=MAX_PRICE, strict=True)
    """Dollars per million completion tokens, reasoning tokens included."""
    cached: float | None = Field(default=None, ge=0, le=MAX_PRICE, strict=True)
    """Dollars per million prompt tokens read from the provider's cache; by default the input price."""
    as_of: date | None = None
    """The day on which this price was read from the provider's list."""

    @property
    def version(self) -> str:
        """A short id of this exact price, e.g. `2026-11-01/5f0c2a91`; equal prices have equal versions."""
        # + 0.0 turns -0.0 into 0.0, because the two are equal.
        vector = json.dumps([p + 0.0 for p in (self.input, self.output, self.cached_input)])
        digest = hashlib.sha256(vector.encode()).hexdigest()[:8]
        return f"{self.as_of or 'undated'}/{digest}"

    @property
    def cached_input(self) -> float:
        """Dollars per million cached prompt tokens, with the default applied."""
        return self.input if self.cached is None else self.cached


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt. `cached` is part of `prompt`, `reasoning` is part of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False
    """True if the provider gave no usable counts and they were estimated from the text."""

    def __post_init__(self) -> None:
        if min(self.prompt, self.completion, self.cached, self.reasoning) < 0:
            raise ValueError(f"token counts must not be negative, got {self}")
        if self.cached > self.prompt or self.reasoning > self.completion:
            raise ValueError(
                f"cached is part of prompt and reasoning part of completion, got {self}"
            )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
            self.estimated or other.estimated,
        )

    @classmethod
    def from_openai(cls, raw: object) -> Usage | None:
        """Read the `usage` object of an OpenAI-compatible reply.

        Some servers (xAI, Gemini) leave reasoning out of `completion_tokens` and include it only in `total_tokens`;
        since it is billed as completion, it is counted as completion. Counts that contradict each other (more cached
        than prompt tokens) are clamped and marked as estimated.

        Returns:
            None if the object is absent or has no usable counts: the caller then estimates them.
        """
        if not isinstance(raw, Mapping):
            return None
        prompt, completion = raw.get("prompt_tokens"), raw.get("completion_tokens")
        if not _is_count(prompt) or not _is_count(completion):
            return None
        cached = _detail(raw.get("prompt_tokens_details"), "cached_tokens")
        reasoning = _detail(raw.get("completion_tokens_details"), "reasoning_tokens")
        total = raw.get("total_tokens")
        hidden = max(0, total - prompt - completion) if _is_count(total) else 0
        completion += hidden
        # The rest of the total is certainly reasoning only if the reply says so.
        contradictory = cached > prompt or reasoning > completion or hidden not in (0, reasoning)
        reasoning = max(reasoning, hidden)
        return cls(
            prompt, completion, min(cached, prompt), min(reasoning, completion), contradictory
        )


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _detail(details: object, key: str) -> int:
    value = details.get(key) if isinstance(details, Mapping) else None
    return value if _is_count(value) else 0


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens in `text` as its UTF-8 bytes / 4, rounded up.

    About right for English under current byte-pair tokenizers; counting bytes also covers other scripts. Used only
    if the provider reports nothing, and always marked as an estimate.
    """
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 4)


def cost_usd(usage: Usage, price: Price) -> float:
    """Dollars of one attempt: `(prompt - cached) * input + cached * cached_price + completion * output`."""
    units = (
        (usage.prompt - usage.cached) * price.input
        + usage.cached * price.cached_input
        + usage.completion * price.output
    )
    return units / TOKENS_PER_PRICE_UNIT
