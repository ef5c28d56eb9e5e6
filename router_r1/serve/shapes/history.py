"""Chat messages, built from the history of a request in either shape.

Both shapes keep text, reasoning and tool calls of one assistant turn as separate blocks; a chat message holds them
together. Three rules follow from what a chat message can hold:

- Images and files in a tool's result go into a user message after the results, since tool messages hold text alone.
- A result that is marked as an error begins with `Error: `.
- Reasoning of turns before the last user message is dropped, which both APIs do themselves. Later reasoning, between
  tool calls, is the message's `reasoning_content`; where it is encrypted, the request is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError

Part = dict[str, Any]
"""A content part of a chat message: text, `image_url`, `file` or refusal."""


def text_part(text: str) -> Part:
    """A content part that is text."""
    return {"type": "text", "text": text}


def image_part(url: str, detail: str | None = None) -> Part:
    """A content part that is an image.

    Args:
        url: an address, or a `data:` URL.
        detail: `auto`, `low`, `high` or `original`.
    """
    return {
        "type": "image_url",
        "image_url": {"url": url, **({"detail": detail} if detail else {})},
    }


class History:
    """The chat messages of one request. Add blocks in their order, then take `done`."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._assistant: dict[str, Any] | None = None  # the last message, while blocks may join it
        self._attachments: list[Part] = []  # of the results, until their user message
        self._calls: set[str] = set()
        self._turn = -1  # where the last user turn begins
        self._hidden: tuple[int, str] | None = None  # the last encrypted reasoning: place and field

    def say(self, role: str, parts: Sequence[Part], new_turn: bool = True) -> None:
        """Add a message that is not the assistant's.

        Args:
            role: `system`, `developer` or `user`.
            parts: its content.
            new_turn: whether a user message begins a new turn, and does not only go along with tool results.
        """
        self._end_results()
        if role == "user" and new_turn:
            self._turn = len(self._messages)
        self._messages.append({"role": role, "content": _content(parts)})

    def answer(self, parts: Sequence[Part]) -> None:
        """Add text of the assistant. It joins the message of the tool calls before it, which a chat keeps in one."""
        message = self._open(new=self._assistant is not None and self._is_text(self._assistant))
        before = message["content"]
        parts = [*parts]
        if isinstance(before, str):
            parts = [*([text_part(before)] if before else []), *parts]
        elif before is not None:
            parts = [*before, *parts]
        message["content"] = _content(parts)

    def think(self, text: str) -> None:
        """Add reasoning of the assistant, which stands before the text or calls that it led to."""
        message = self._open(new=self._assistant is not None and self._is_text(self._assistant))
        message["reasoning_content"] = message.get("reasoning_content", "") + text

    def think_hidden(self, field: str) -> None:
        """Note reasoning of the assistant that only its maker can read.

        Args:
            field: its path, for the error if it may not be dropped.
        """
        self._hidden = (len(self._messages), field)

    def call(self, call_id: str, name: str, arguments: str) -> None:
        """Add a tool call of the assistant.

        Args:
            call_id: what its result refers to.
            name: the function.
            arguments: a JSON object as text.
        """
        message = self._open()
        self._calls.add(call_id)
        function = {"name": name, "arguments": arguments}
        message.setdefault("tool_calls", []).append(
            {"id": call_id, "type": "function", "function": function}
        )

    def result(
        self, call_id: str, parts: Sequence[Part], field: str, is_error: bool = False
    ) -> None:
        """Add the result of a tool call.

        Args:
            call_id: the call.
            parts: text, images and files.
            field: the path of the call's id.
            is_error: whether the tool failed.

        Raises:
            InvalidRequestError: there was no such call.
        """
        if call_id not in self._calls:
            raise InvalidRequestError(field, "the id of a tool call before it", "another id")
        self._assistant = None
        texts = [part for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        if others:
            self._attachments += [text_part(f"Attached to the result of {call_id}:"), *others]
        content = _content(
            texts or ([text_part("(in the message after the results)")] if others else [])
        )
        if is_error:
            content = (
                f"Error: {content}"
                if isinstance(content, str)
                else [text_part("Error: "), *content]
            )
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def done(self) -> list[dict[str, Any]]:
        """The messages.

        Raises:
            UnsupportedFieldError: encrypted reasoning stands where it may not be dropped.
        """
        self._end_results()
        if self._hidden is not None and self._hidden[0] > self._turn:
            why = "encrypted reasoning of another provider cannot be read here; leave it out"
            raise UnsupportedFieldError(self._hidden[1], why)
        for message in self._messages[: max(self._turn, 0)]:
            message.pop("reasoning_content", None)
        messages = [message for message in self._messages if not _is_empty(message)]
        for message in messages:
            if message["content"] is None and "tool_calls" not in message:
                message["content"] = ""
        return messages

    def _open(self, new: bool = False) -> dict[str, Any]:
        """The assistant message that blocks join, or a new one."""
        if self._assistant is None or new:
            self._end_results()
            self._assistant = {"role": "assistant", "content": None}
            self._messages.append(self._assistant)
        return self._assistant

    def _end_results(self) -> None:
        self._assistant = None
        if self._attachments:
            self._messages.append({"role": "user", "content": self._attachments})
            self._attachments = []

    @staticmethod
    def _is_text(message: dict[str, Any]) -> bool:
        return message["content"] is not None and "tool_calls" not in message


def _content(parts: Sequence[Part]) -> str | list[Part]:
    """Content of a message: one text as it is, which every endpoint takes, and anything else as parts."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return list(parts)


def _is_empty(message: dict[str, Any]) -> bool:
    """Whether an assistant message held only reasoning that was dropped."""
    return message["role"] == "assistant" and message["content"] is None and len(message) == 2
