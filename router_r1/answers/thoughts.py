"""Removes the thoughts of a reasoning model from its reply: they are never graded, and never vote."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|reasoning"
_THOUGHT = re.compile(
    rf"<({_NAMES})>.*?(?:</\1>|\Z)|\[(THINK)\].*?(?:\[/THINK\]|\Z)", re.DOTALL | re.IGNORECASE
)


def without_thoughts(text: str) -> str:
    """The reply without thoughts. Text that ends inside a thought states nothing after it."""
    return _THOUGHT.sub("", text).strip() if "<" in text or "[" in text else text
