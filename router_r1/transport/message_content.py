"""Reads one message, or one piece of a streamed message: its text, its refusal, and how much it holds beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from router_r1.transport.dialects import reply_forms as dialect

_MAX_DEPTH = 8


@dataclass
class MessageContent:
    """What a message, or all messages of a stream together, hold. Each is in pieces, to be joined."""

    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    """Why the model does not answer, in its own words."""
    thoughts: list[str] = field(default_factory=list)
    """Thoughts that the server sends beside the text; billed as completion."""
    calls: list[str] = field(default_factory=list)
    """Names and arguments of called tools; billed as completion."""
    length: int = 0
    """Characters in all of them."""

    def pieces(self) -> Iterator[str]:
        """All that the model wrote."""
        return chain(self.text, self.refusal, self.thoughts, self.calls)

    def add(self, message: Mapping[str, object]) -> None:
        """Add a `message` or a `delta`.

        Raises:
            ValueError: the content is neither text nor parts that may hold text.
        """
        if len(message) == 1 and isinstance(text := message.get("content"), str):
            self._add(self.text, text)  # nearly every event of a stream
            return
        self._add_part(message.get("content"), 0)
        refusal = message.get("refusal")
        if isinstance(refusal, str):
            self._add(self.refusal, refusal)
        # Some servers send the same thoughts under two names.
        thoughts = (_all_text(message.get(name), 0) for name in dialect.THOUGHT_FIELDS)
        self._add(self.thoughts, max(thoughts, key=len))
        for name in dialect.CALL_FIELDS:
            self._add(self.calls, _all_text(message.get(name), 0))

    def _add(self, pieces: list[str], piece: str) -> None:
        if piece:
            pieces.append(piece)
            self.length += len(piece)

    def _add_part(self, part: object, depth: int) -> None:
        """Add one part of the content: null, text, an object with a type, or a list of parts."""
        if depth > _MAX_DEPTH:
            raise ValueError("expected text, got deeply nested parts")
        if part is None:
            return
        if isinstance(part, str):
            self._add(self.text, part)
        elif isinstance(part, list):
            for item in part:
                self._add_part(item, depth + 1)
        elif isinstance(part, dict):
            kind = str(part.get("type") or "").lower()
            if part.get("thought") is True or any(word in kind for word in dialect.THOUGHT_WORDS):
                self._add(self.thoughts, _all_text(part, depth))
            elif kind == "refusal":
                self._add(self.refusal, _all_text(part.get("refusal") or part.get("text"), depth))
            else:
                found = (part[key] for key in dialect.TEXT_KEYS if part.get(key) is not None)
                self._add_part(next(found, None), depth + 1)
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
