"""Prices and token usage: what a call costs. Sums over many calls are in `ledger.py`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeGuard

from pydantic import Field

from router_r1.config import StrictModel
from router_r1.transport.dialects import usage as dialect

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
    """True if the provider gave no counts that can be true, and they were estimated from the text or bounded."""

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
        """Read the `usage` object of an OpenAI-compatible reply, in any dialect of `transport/dialects/usage.py`.

        Some servers (xAI, Gemini) leave reasoning out of the completion and include it only in the total; since it is
        billed as completion, it is counted as completion. Counts that contradict each other (more cached than prompt
        tokens) are clamped and marked as estimated.

        Returns:
            None if the object is absent or has no usable counts: the caller then estimates them.
        """
        if not isinstance(raw, Mapping):
            return None
        prompt_name, prompt = _first_count(raw, dialect.PROMPT)
        _, completion = _first_count(raw, dialect.COMPLETION)
        if prompt is None or completion is None:
            return None
        _, total = _first_count(raw, dialect.TOTAL)
        beside = sum(_counts(raw, [(n,) for n in dialect.BESIDE_PROMPT.get(prompt_name, ())]))
        if total is None or total >= prompt + beside + completion:
            prompt += beside
        if total is None:
            completion += max(_counts(raw, [(n,) for n in dialect.BESIDE_COMPLETION]), default=0)
        hidden = 0 if total is None else max(0, total - prompt - completion)
        completion += hidden
        caches = _counts(raw, dialect.CACHED)
        # Several names may be there, one of them filled; a count above the prompt belongs to something else.
        cached = max((c for c in caches if c <= prompt), default=prompt if caches else 0)
        reasoning = max(_counts(raw, dialect.REASONING), default=0)
        # The rest of the total is certainly reasoning only if the reply says so.
        contradictory = (
            (bool(caches) and min(caches) > prompt)
            or reasoning > completion
            or hidden not in (0, reasoning)
        )
        reasoning = max(reasoning, hidden)
        return cls(prompt, completion, cached, min(reasoning, completion), contradictory)


def total_tokens(raw: object) -> int | None:
    """The total that a `usage` object reports; None if it reports none."""
    return _first_count(raw, dialect.TOTAL)[1] if isinstance(raw, Mapping) else None


def value_at(data: object, path: dialect.Path) -> Any:
    """The value at the end of a path of keys and indices through JSON data; None if the path leads nowhere."""
    for step in path:
        if isinstance(step, int):
            data = data[step] if isinstance(data, list) and len(data) > step else None
        else:
            data = data.get(step) if isinstance(data, dict) else None
    return data


def _first_count(raw: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, int | None]:
    return next(((n, v) for n in names if _is_count(v := raw.get(n))), ("", None))


def _counts(raw: Mapping[str, Any], paths: Iterable[dialect.Path]) -> list[int]:
    # Most names are not there; the first look is the cheapest.
    return [v for path in paths if path[0] in raw and _is_count(v := value_at(raw, path))]


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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
