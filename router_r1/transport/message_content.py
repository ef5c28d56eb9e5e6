"""Reads one message, or one piece of a streamed message: its text, its refusal, and how much it holds beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router_r1.transport.dialects import reply_forms as dialect

_MAX_DEPTH = 8


@dataclass
class MessageContent:
    """What a message holds."""

    text: str = ""
    refusal: str = ""
    """Why the model does not answer, in its own words."""
    thoughts: str = ""
    """Thoughts that the server sends beside the text; billed as completion."""
    calls: str = ""
    """Names and arguments of called tools; billed as completion."""


def read_message(message: Mapping[str, object]) -> MessageContent:
    """Read a `message` or a `delta`.

    Raises:
        ValueError: the content is neither text nor parts that may hold text.
    """
    content = MessageContent()
    if len(message) == 1 and isinstance(text := message.get("content"), str):
        content.text = text  # nearly every event of a stream
        return content
    _add_part(message.get("content"), content, 0)
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        content.refusal += refusal
    # Some servers send the same thoughts under two names.
    thoughts = (_all_text(message.get(name), 0) for name in dialect.THOUGHT_FIELDS)
    content.thoughts += max(thoughts, key=len)
    content.calls = "".join(_all_text(message.get(name), 0) for name in dialect.CALL_FIELDS)
    return content


def _add_part(part: object, content: MessageContent, depth: int) -> None:
    """Add one part of the content: null, text, an object with a type, or a list of parts."""
    if depth > _MAX_DEPTH:
        raise ValueError("expected text, got deeply nested parts")
    if part is None:
        return
    if isinstance(part, str):
        content.text += part
    elif isinstance(part, list):
        for item in part:
            _add_part(item, content, depth + 1)
    elif isinstance(part, dict):
        kind = str(part.get("type") or "").lower()
        if part.get("thought") is True or any(word in kind for word in dialect.THOUGHT_WORDS):
            content.thoughts += _all_text(part, depth)
        elif kind == "refusal":
            content.refusal += _all_text(part.get("refusal") or part.get("text"), depth)
        else:
            found = (part[key] for key in dialect.TEXT_KEYS if part.get(key) is not None)
            _add_part(next(found, None), content, depth + 1)
    else:
        raise ValueError(f"expected text, got a {type(part).__name__}")


def _all_text(value: object, depth: int) -> str:
    """All text in a value, joined, without what only labels it."""
    if isinstance(value, str):
        return value
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, dict):
        items = (item for key, item in value.items() if key not in dialect.LABELS)
        return "".join(_all_text(item, depth + 1) for item in items)
    if isinstance(value, list):
        return "".join(_all_text(item, depth + 1) for item in value)
    return ""
