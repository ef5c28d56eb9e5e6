"""A conversation, as an application sends it: messages in the OpenAI shape, and the fields that shape the next message.

An episode answers a question or a conversation. The policy reads `Conversation.text`; a candidate to which a route
forwards the conversation gets `messages` and `options` as they came. What a candidate must be able to do for that is in
`needs`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from router_r1.errors import ConfigError, shown_name
from router_r1.token_prices import estimate_tokens

MAX_TEXT_CHARS = 16_000
"""Characters of a conversation that the policy reads: about 4,000 tokens. The last message comes first, then those
before it; what is left out is said."""
MAX_MESSAGES = 10_000
"""Messages of a conversation; to look through more would keep others waiting."""
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
_IMAGE_TOKENS = 1000
"""Tokens of an image, for quotes and rate limits: about one of 1024 x 1024 at OpenAI and Anthropic."""
_MOST_MEDIA_TOKENS = 100_000
"""Tokens that no image and no recording exceeds, to see whether a reported usage can be true."""
_OPTIONS = ("tools", "tool_choice", "parallel_tool_calls", "response_format")


class Need(StrEnum):
    """What a model must be able to do to answer a conversation."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    """JSON in the form that the request sets."""


_PARTS = {
    "image_url": Need.IMAGE,
    "input_audio": Need.AUDIO,
    "audio_url": Need.AUDIO,
    "video_url": Need.VIDEO,
}


@dataclass(frozen=True)
class Conversation:
    """Messages in the OpenAI shape, and the fields of a request that a forwarded call keeps."""

    messages: tuple[dict[str, Any], ...]
    options: dict[str, Any] = field(default_factory=dict)
    """`tools`, `tool_choice`, `parallel_tool_calls` and `response_format`, where the application set them."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Parameters of the reply that the application set, such as `temperature` and `max_tokens`. They go along with a
    forwarded call, instead of the candidate's own; a limit on tokens only if it is lower."""

    note: str = ""
    """A line of the environment for the policy alone, which candidates do not get."""

    @classmethod
    def read(cls, messages: object, fields: Mapping[str, Any] | None = None) -> Conversation:
        """Check what an application sent.

        Args:
            messages: a list of messages, each an object with `role` and `content`.
            fields: the other fields of its request; those that are no options of a conversation are left alone.

        Raises:
            ConfigError: the messages are not a conversation that ends with a question; the text names the message.
        """
        if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
            raise ConfigError("messages: expected a list with at least one message")
        if len(messages) > MAX_MESSAGES:
            raise ConfigError(f"messages: at most {MAX_MESSAGES:,} are read, got {len(messages):,}")
        for number, message in enumerate(messages):
            _check(message, f"messages[{number}]")
        if messages[-1]["role"] not in ("user", "tool", "function"):
            raise ConfigError(
                f"messages[{len(messages) - 1}].role: the last message must be the user's or a tool's, "
                f"not {messages[-1]['role']!r}"
            )
        options = {k: v for k, v in (fields or {}).items() if k in _OPTIONS and v is not None}
        if not isinstance(options.get("tools", []), list):
            raise ConfigError("tools: expected a list")
        if not isinstance(options.get("response_format", {}), Mapping):
            raise ConfigError("response_format: expected an object")
        conversation = cls(tuple(dict(message) for message in messages), options)
        if not conversation.text.strip():
            raise ConfigError("messages: there is no text and no image in them; ask something")
        return conversation

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is one text of the user, so that its text says everything."""
        return (
            len(self.messages) == 1
            and self.messages[0]["role"] == "user"
            and isinstance(self.messages[0].get("content"), str)
            and not self.options
            and not self.sampling
            and not self.note
        )

    @cached_property
    def needs(self) -> frozenset[Need]:
        """What a model must be able to do to answer it."""
        needs = {
            _PARTS[part["type"]]
            for message in self.messages
            for part in _parts(message)
            if part["type"] in _PARTS
        }
        if self.options.get("tools"):
            needs.add(Need.TOOLS)
        if self.options.get("response_format", {}).get("type", "text") != "text":
            needs.add(Need.JSON_SCHEMA)
        return frozenset(needs)

    @cached_property
    def text(self) -> str:
        """What the policy reads: the text alone if it is plain, else a line or more for each message.

        Not escaped. At most about `MAX_TEXT_CHARS` characters.
        """
        if Conversation(self.messages, self.options, note=self.note).is_plain:
            return str(self.messages[0]["content"])
        tools = [
            str(value.get("name"))
            for tool in self.options.get("tools", [])
            if isinstance(tool, dict) and isinstance(value := tool.get("function", tool), dict)
        ]
        head = [f"[{self.note}]"] if self.note else []
        head += [f"[Tools that the reply may call: {', '.join(tools)}]"] if tools else []
        if Need.JSON_SCHEMA in self.needs:
            head.append("[The reply must be JSON in a given form]")
        lines = [_line(message) for message in self.messages]
        kept: list[str] = []
        left = MAX_TEXT_CHARS
        for line in reversed(lines):
            if kept and len(line) > left:
                break
            kept.append(line if len(line) <= left else _cut(line, left))
            left -= len(kept[-1])
        if len(kept) < len(lines):
            head.append(f"[{len(lines) - len(kept)} earlier messages are left out here]")
        return "\n\n".join([*head, *reversed(kept)])

    @cached_property
    def tokens(self) -> int:
        """Estimated tokens of messages and options."""
        options = json.dumps(self.options) if self.options else ""
        return sum(map(message_tokens, self.messages)) + estimate_tokens(options)


def message_tokens(message: Mapping[str, Any]) -> int:
    """Estimated tokens of one message, with about 4 for its header."""
    content = message.get("content")
    if isinstance(content, str) and "tool_calls" not in message:
        return estimate_tokens(content) + 4
    parts = _parts(message)
    media = sum(_IMAGE_TOKENS for part in parts if part["type"] in _PARTS)
    return estimate_tokens(_line(message)) + media + 4


def most_tokens(message: Mapping[str, Any]) -> int:
    """No more tokens than this can be in a message: its bytes, and for each image or recording what models take most."""
    content = message.get("content")
    if isinstance(content, str) and "tool_calls" not in message:
        return len(content.encode("utf-8", "surrogatepass"))
    media = sum(part["type"] in _PARTS for part in _parts(message))
    return len(json.dumps(message)) + _MOST_MEDIA_TOKENS * media


def joined(contents: Sequence[str | list[dict[str, Any]]]) -> str | list[dict[str, Any]]:
    """Contents of several messages as that of one: a text, or a list of parts if one of them is a list."""
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return "\n\n".join(texts)
    parts: list[dict[str, Any]] = []
    for content in contents:
        if isinstance(content, str):
            parts.append({"type": "text", "text": content})
        else:
            parts += content
    return parts


def call_text(call: Mapping[str, Any]) -> str:
    """A tool call as the policy reads it: `[calls get_weather({"city": "Oslo"})]`."""
    function = call.get("function") if isinstance(call.get("function"), dict) else call
    assert isinstance(function, Mapping)
    return f"[calls {function.get('name')}({function.get('arguments') or function.get('input') or ''})]"


def _line(message: Mapping[str, Any]) -> str:
    role = "system" if message["role"] == "developer" else message["role"]
    name = f" {message['name']}" if isinstance(message.get("name"), str) else ""
    calls = [call_text(c) for c in message.get("tool_calls") or () if isinstance(c, Mapping)]
    shown = " ".join([*(_shown(part) for part in _parts(message)), *calls])
    # Lines that go on are indented, so that no message can look like another one.
    return f"{str(role).capitalize()}{name}: " + shown.replace("\n", "\n  ")


def _shown(part: Mapping[str, Any]) -> str:
    if part["type"] in _PARTS:
        return f"[{_PARTS[part['type']].value}]"
    return str(part.get("text") or part.get("refusal") or "")


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content or ())


def _cut(text: str, limit: int) -> str:
    """The two ends of a text that is too long."""
    mark = " … [cut] … "
    half = max(0, limit - len(mark)) // 2
    return text[:half] + mark + text[len(text) - half :]


def _check(message: object, where: str) -> None:
    if not isinstance(message, Mapping):
        raise ConfigError(f"{where}: expected an object, got a {type(message).__name__}")
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise ConfigError(
            f"{where}.role: expected one of {', '.join(_ROLES)}, got {shown_name(str(role))!r}"
        )
    calls = message.get("tool_calls")
    if calls is not None and not (
        isinstance(calls, list) and all(isinstance(call, Mapping) for call in calls)
    ):
        raise ConfigError(f"{where}.tool_calls: expected a list of objects")
    if content is None and role == "assistant":
        return
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise ConfigError(
            f"{where}.content: expected a text or a list of parts, got a {type(content).__name__}"
        )
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        kind = kind if isinstance(kind, str) else None
        if kind not in _TEXT_PARTS and kind not in _PARTS:
            known = ", ".join(("text", *_PARTS))
            raise ConfigError(
                f"{where}.content[{number}].type: expected one of {known}, got {shown_name(str(kind))!r}"
            )
        text = part.get("text") if kind in _TEXT_PARTS and kind != "refusal" else ""
        if not isinstance(text, str):
            raise ConfigError(f"{where}.content[{number}].text: expected a text")
