"""The wire shapes of a completion: what turns each into chat completions, in which the gateway works, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import orjson

from router_r1.serve.api_error import ApiError


class StreamShape(Protocol):
    """Turns the chunks of one streamed chat completion into the bytes of a shape's events."""

    def begin(self) -> bytes:
        """What comes first."""
        ...

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """What a chunk becomes; empty if it says nothing."""
        ...

    def finish(self) -> bytes:
        """What comes last."""
        ...

    def fail(self, error: ApiError) -> bytes:
        """The end of a stream that failed after it had begun."""
        ...


class Shape(Protocol):
    """One wire shape."""

    is_chat: bool
    """Whether it is the shape of chat completions, so that bodies can be passed on unread."""

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request as a chat-completions body. Raises `ApiError`."""
        ...

    def from_chat(self, reply: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole chat completion as a reply to `body`."""
        ...

    def stream(self, body: Mapping[str, Any]) -> StreamShape:
        """The translation of one streamed reply to `body`."""
        ...

    def error(self, error: ApiError) -> dict[str, Any]:
        """The body of an error."""
        ...


class ChatShape:
    """Chat completions: nothing is translated."""

    is_chat = True

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body."""
        return dict(body)

    def from_chat(self, reply: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """The reply."""
        return dict(reply)

    def stream(self, body: Mapping[str, Any]) -> StreamShape:
        """Events as OpenAI sends them."""
        return _ChatStream()

    def error(self, error: ApiError) -> dict[str, Any]:
        """The error in OpenAI's shape."""
        return error.body


class _ChatStream:
    def begin(self) -> bytes:
        return b""

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    def fail(self, error: ApiError) -> bytes:
        return b"data: " + orjson.dumps(error.body) + b"\n\n"


def chunks_of(reply: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A whole chat completion as the chunks of a stream, for a client that asked for one.

    Args:
        reply: the completion.
        body: the request; it says whether the usage is wanted.
    """
    head = {k: v for k, v in reply.items() if k not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk"
    for choice in reply.get("choices") or ():
        delta = dict(choice.get("message") or {})
        if calls := delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": n, **call} for n, call in enumerate(calls)]
        others = {k: v for k, v in choice.items() if k != "message"}
        yield {**head, "choices": [{**others, "delta": delta, "finish_reason": None}]}
        yield {**head, "choices": [{**others, "delta": {}, "logprobs": None}]}
    options = body.get("stream_options")
    if isinstance(options, Mapping) and options.get("include_usage"):
        yield {**head, "choices": [], "usage": reply.get("usage")}
