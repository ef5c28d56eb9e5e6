"""Anthropic's Messages API as chat completions and back: requests, whole replies, error bodies.

What a gateway to any model decides:

- Tools are those that the client runs. Server tools (`web_search`, `code_execution`, `bash`, ...), `container` and
  `mcp_servers` are refused.
- A conversation that ends with the assistant's own words asks to continue them, which a chat cannot; it is refused.
- `cache_control` is a hint and is not carried. `context_management` may clear thinking, which happens anyway.
- Top-level fields that this API does not know, and `top_k`, pass through untouched.
- Citations are not carried in either direction.

Values of the request are shared with the chat body, not copied. Streams are in `messages_stream.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes import fields
from router_r1.serve.shapes.errors import UnsupportedFieldError
from router_r1.serve.shapes.fields import put
from router_r1.serve.shapes.messages_history import to_messages
from router_r1.serve.shapes.messages_reply import begun, block, stop, usage
from router_r1.serve.shapes.messages_request import put_metadata, put_output, put_tier, put_tools
from router_r1.serve.shapes.parts import ReplyParts

_REFUSED = {
    "container": "there are no containers here; leave it out",
    "diagnostics": "requests are not compared here; leave it out",
    "inference_geo": "the gateway's configuration decides where models run; leave it out",
    "mcp_servers": "connect to the servers yourself and send their tools",
    "user_profile_id": "there are no user profiles here; leave it out",
}
_TRANSLATED = {
    *_REFUSED,
    *("cache_control", "context_management", "max_tokens", "messages", "metadata", "output_config"),
    *("output_format", "service_tier", "speed", "stop_sequences", "system", "thinking"),
    *("tool_choice", "tools"),
}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """A Messages request as a chat completions body.

    Args:
        body: the JSON object that the client sent.

    Returns:
        The body of a chat completions request; a streamed one asks for usage.

    Raises:
        InvalidRequestError: a field is malformed.
        UnsupportedFieldError: a field asks for what cannot be done here.
    """
    fields.mapping(body, "body")
    fields.refuse(body, _REFUSED)
    if body.get("n") not in (None, 1):
        raise UnsupportedFieldError("n", "a message is one reply; send several requests")
    if body.get("speed") not in (None, "standard"):
        raise UnsupportedFieldError("speed", "only standard is; leave it out")
    _check_context(body.get("context_management"))
    if body.get("model") is not None:
        fields.name(body["model"], "model")
    chat = {key: value for key, value in body.items() if key not in _TRANSLATED}
    for field in ("temperature", "top_p"):
        if body.get(field) is not None:
            fields.number(body[field], field)
    chat["messages"] = to_messages(body)
    most = fields.whole(body.get("max_tokens"), "max_tokens", 1)
    put(chat, "max_completion_tokens", most, "max_tokens")
    if body.get("stop_sequences") is not None:
        stops = fields.items(body["stop_sequences"], "stop_sequences")
        texts = [fields.name(text, f"stop_sequences.{i}") for i, text in enumerate(stops)]
        if texts:
            put(chat, "stop", texts, "stop_sequences")
    put_tools(chat, body)
    put_output(chat, body)
    put_metadata(chat, body)
    put_tier(chat, body)
    fields.put_stream(chat, body)
    return chat


def from_chat(reply: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A complete chat reply as a complete message.

    Args:
        reply: a `chat.completion` object.
        body: the Messages request that it answers, which `to_chat` has accepted.

    Raises:
        BadReplyError: the reply is not a chat completion.
    """
    parts = ReplyParts.of(reply)
    chat_id = str(reply.get("id") or uuid.uuid4().hex)
    return {
        **parts.extras,
        **begun(chat_id, parts.model or str(body.get("model") or "")),
        "content": [block(part, body) for part in parts.parts],
        **stop(parts, body),
        "usage": usage(parts.usage),
    }


def error(status: int, message: str, kind: str, param: str | None) -> dict[str, Any]:
    """The body of an error reply.

    Args:
        status: the HTTP status.
        message: what was wrong, and what to do.
        kind: the type of the error; one that Anthropic does not have follows from the status.
        param: the field of the request, if it is one; the body has no place but the message for it.
    """
    if kind not in _KINDS.values():
        default = "invalid_request_error" if status < 500 else "api_error"
        kind = _KINDS.get(status, default)
    if param and param not in message:
        message = f"{param}: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def _check_context(context: object) -> None:
    """Thinking of earlier turns is cleared anyway; nothing else is."""
    if context is None:
        return
    given = fields.mapping(context, "context_management")
    edits = fields.items(given.get("edits") or [], "context_management.edits")
    for index, edit in enumerate(edits):
        field = f"context_management.edits.{index}"
        kind = fields.name(fields.mapping(edit, field).get("type"), f"{field}.type")
        if not kind.startswith("clear_thinking_"):
            why = "histories are not shortened here; send what the model shall see"
            raise UnsupportedFieldError(field, why)
