"""Reads what servers such as vLLM tell of generated tokens: ids, probabilities, the stop string and what follows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def read_stop_string(choice: Mapping[str, Any]) -> str | None:
    """The stop string that ended a reply, where vLLM or SGLang names it; None if none is named, or a token id."""
    reason = choice.get("finish_reason")
    matched = reason.get("matched") if isinstance(reason, dict) else None
    named = (choice.get("stop_reason"), choice.get("matched_stop"), matched)
    return next((stop for stop in named if isinstance(stop, str) and stop), None)


def text_after_stop(text: str, choice: Mapping[str, Any]) -> str:
    """What the last token holds after the stop string: vLLM cuts it from the text, but not from the token ids."""
    stop, logprobs = choice.get("stop_reason"), choice.get("logprobs")
    tokens = logprobs.get("tokens") if isinstance(logprobs, dict) else None
    last = tokens[-1] if isinstance(tokens, list) and tokens else None
    # Known only if the text includes the stop string and the reply includes the tokens.
    if not isinstance(stop, str) or not text.endswith(stop) or not isinstance(last, str):
        return ""
    inside = (n for n in range(len(last), 0, -1) if text.endswith(last[:n]))
    return last[next(inside, len(last)) :]


def read_token_ids(value: object) -> tuple[int, ...] | None:
    """Token ids; None unless it is a list of them."""
    if not isinstance(value, list) or not all(type(v) is int for v in value):
        return None
    return tuple(value)


def read_logprobs(value: object) -> tuple[float, ...] | None:
    """Log-probabilities; None unless every value is a finite number, since a trace cannot hold any other."""
    if not isinstance(value, list) or not all(
        type(v) in (int, float) and math.isfinite(v) for v in value
    ):
        return None
    return tuple(map(float, value))
