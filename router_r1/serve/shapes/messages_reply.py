"""The reply objects of the Messages API: the message, its content blocks, its usage. Events are in the stream module.

A refusal is text, with the stop reason `refusal`. Thinking blocks have an empty signature: nobody here can sign them.
Arguments of a tool call that are cut off are read as far as they go, as Anthropic's SDK does; other text than a JSON
object becomes `{"INVALID_JSON": text}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from router_r1.serve.shapes.parts import Part, ReplyParts

_INPUT = ("cached_tokens", "cache_write_tokens")


def message_id(chat_id: str) -> str:
    """The id of the message that a chat reply with this id becomes."""
    return f"msg_{chat_id.removeprefix('chatcmpl-').removeprefix('chatcmpl_')}"


def tool_input(arguments: str) -> dict[str, Any]:
    """The input object of a tool call.

    Args:
        arguments: what the model wrote; nothing, or `null`, is an object without fields.
    """
    if arguments.strip() in ("", "null"):
        return {}
    try:
        value = from_json(arguments, allow_inf_nan=False, allow_partial=True)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"INVALID_JSON": arguments}


def block(part: Part, body: Mapping[str, Any], begins: bool = False) -> dict[str, Any]:
    """A content block.

    Args:
        part: the part of the reply.
        body: the request, which may ask for empty thinking blocks.
        begins: gives the block as it begins, without content.
    """
    text = "" if begins else part.text
    match part.kind:
        case "call":
            given = {} if begins else tool_input(part.text)
            return {"type": "tool_use", "id": part.call_id, "name": part.name, "input": given}
        case "reasoning":
            shown = "" if is_thinking_omitted(body) else text
            return {"type": "thinking", "thinking": shown, "signature": ""}
        case _:
            return {"type": "text", "text": text, "citations": None}


def is_thinking_omitted(body: Mapping[str, Any]) -> bool:
    """Whether the request wants thinking blocks without their text."""
    return (body.get("thinking") or {}).get("display") == "omitted"


def usage(chat: Mapping[str, Any] | None) -> dict[str, Any]:
    """Usage in tokens; zeros if the reply had none.

    Input is split as Anthropic counts it: what was read from a cache, what was written to one, and the rest. Details
    and fields that chat usage has beyond these are kept under their names.
    """
    rest = dict(chat or {})
    inputs = dict(rest.pop("prompt_tokens_details", None) or {})
    outputs = dict(rest.pop("completion_tokens_details", None) or {})
    read, written = (inputs.pop(key, 0) or 0 for key in _INPUT)
    before, after = rest.pop("prompt_tokens", 0) or 0, rest.pop("completion_tokens", 0) or 0
    rest.pop("total_tokens", None)  # the sum of the others
    if inputs:
        rest["input_tokens_details"] = inputs
    if thinking := outputs.pop("reasoning_tokens", None):
        outputs["thinking_tokens"] = thinking
    if outputs:
        rest["output_tokens_details"] = {"thinking_tokens": 0, **outputs}
    return {
        **rest,
        "input_tokens": max(0, before - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": after,
    }


def begun(chat_id: str, model: str) -> dict[str, Any]:
    """A message that has just begun.

    Args:
        chat_id: the id of the chat reply.
        model: the model's name.
    """
    return {
        "id": message_id(chat_id),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage(None),
    }


def stop(reply: ReplyParts, body: Mapping[str, Any]) -> dict[str, Any]:
    """Why a message ended: `stop_reason`, `stop_sequence` and `stop_details`.

    Args:
        reply: all parts.
        body: the request with its stop sequences.
    """
    kinds = {part.kind for part in reply.parts}
    refusal = "".join(part.text for part in reply.parts if part.kind == "refusal")
    reason, sequence, details = "end_turn", None, None
    if refusal or reply.finish_reason == "content_filter":
        reason = "refusal"
        details = {"type": "refusal", "category": None, "explanation": refusal or None}
    elif reply.finish_reason == "length":
        reason = "max_tokens"
    elif "call" in kinds:  # some endpoints say `stop` after tool calls
        reason = "tool_use"
    elif reply.stop is not None and reply.stop in (body.get("stop_sequences") or []):
        reason, sequence = "stop_sequence", reply.stop
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}
