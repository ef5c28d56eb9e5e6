"""The reply objects of the Responses API: the response, its output items, its usage. Events are in the stream module.

Output items are a reasoning item, a message with text and refusal parts, and function calls, in the order in which the
reply has them. Their ids are made from the chat reply's id. Reasoning is `reasoning_text` content, with no summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router_r1.serve.shapes.parts import Part, ReplyParts

_INPUT = ("cached_tokens", "cache_write_tokens")
_CODES = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}


class Names:
    """The ids of one response and its items, made from a chat reply's id."""

    def __init__(self, chat_id: str) -> None:
        """
        Args:
            chat_id: the id of the chat reply, such as `chatcmpl-7`.
        """
        self._stem = chat_id.removeprefix("chatcmpl-").removeprefix("chatcmpl_")
        self.response = f"resp_{self._stem}"
        """The id of the response."""

    def item(self, kind: str, index: int) -> str:
        """The id of an output item.

        Args:
            kind: `message`, `reasoning` or `function_call`.
            index: its place in the output.
        """
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}[kind]
        return f"{prefix}_{self._stem}_{index}"


def grouped(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts by output item: text and a refusal after it are one message."""
    groups: list[list[Part]] = []
    for part in parts:
        if groups and part.kind in _MESSAGE and groups[-1][-1].kind in _MESSAGE:
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


_MESSAGE = ("text", "refusal")


def item_kind(part: Part) -> str:
    """The type of the output item that a part belongs to."""
    return {"reasoning": "reasoning", "call": "function_call"}.get(part.kind, "message")


def content_part(part: Part, text: str) -> dict[str, Any]:
    """A content part of a message or a reasoning item.

    Args:
        part: a part that is no call.
        text: its text, or an empty one when it begins.
    """
    if part.kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    if part.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def item(group: Sequence[Part], item_id: str, status: str) -> dict[str, Any]:
    """An output item.

    Args:
        group: its parts.
        item_id: its id.
        status: `in_progress` gives the item as it begins, without content; else `completed` or `incomplete`.
    """
    first, begins = group[0], status == "in_progress"
    made: dict[str, Any] = {"id": item_id, "type": item_kind(first), "status": status}
    if first.kind == "call":
        arguments = "" if begins else first.text
        return {**made, "call_id": first.call_id, "name": first.name, "arguments": arguments}
    made["content"] = [] if begins else [content_part(part, part.text) for part in group]
    return {**made, "summary": []} if first.kind == "reasoning" else {**made, "role": "assistant"}


def output(reply: ReplyParts, names: Names, is_cut: bool) -> list[dict[str, Any]]:
    """All output items that have begun.

    Args:
        reply: the parts.
        names: the ids.
        is_cut: whether the last item is incomplete.
    """
    groups = grouped([part for part in reply.parts if part.is_open])
    return [
        item(
            group,
            names.item(item_kind(group[0]), index),
            "incomplete" if is_cut and index == len(groups) - 1 else "completed",
        )
        for index, group in enumerate(groups)
    ]


def usage(chat: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Usage in tokens. Details and fields that chat usage has beyond OpenAI's are kept under their names."""
    if chat is None:
        return None
    rest = dict(chat)
    before, after = rest.pop("prompt_tokens", 0) or 0, rest.pop("completion_tokens", 0) or 0
    total = rest.pop("total_tokens", None)
    inputs = dict(rest.pop("prompt_tokens_details", None) or {})
    outputs = dict(rest.pop("completion_tokens_details", None) or {})
    return {
        **rest,
        "input_tokens": before,
        "input_tokens_details": {**inputs, **{key: inputs.get(key) or 0 for key in _INPUT}},
        "output_tokens": after,
        "output_tokens_details": {
            **outputs,
            "reasoning_tokens": outputs.get("reasoning_tokens") or 0,
        },
        "total_tokens": before + after if total is None else total,
    }


def begun(body: Mapping[str, Any], names: Names, model: str, created: int) -> dict[str, Any]:
    """A response that has just begun, with the settings of its request.

    Args:
        body: the request, which `to_chat` has accepted.
        names: its ids.
        model: the model's name.
        created: Unix time in seconds.
    """
    reasoning = body.get("reasoning") or {}
    return {
        "id": names.response,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "metadata": body.get("metadata") or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": body.get("safety_identifier"),
        "store": False,
        "temperature": body.get("temperature"),
        "text": {"format": {"type": "text"}, **(body.get("text") or {})},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [{"parameters": None, "strict": None, **tool} for tool in body.get("tools") or []],
        "top_p": body.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
    }


def ended(response: Mapping[str, Any], reply: ReplyParts, names: Names) -> dict[str, Any]:
    """A response that has ended as its model wanted or was cut off.

    Args:
        response: what `begun` gave.
        reply: all parts.
        names: its ids.
    """
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}
    return {
        **reply.extras,
        **response,
        "status": "incomplete" if reply.is_cut else "completed",
        "incomplete_details": {"reason": reason[reply.finish_reason]} if reply.is_cut else None,
        "model": reply.model or response["model"],
        "output": output(reply, names, reply.is_cut),
        "usage": usage(reply.usage),
    }


def failed(
    response: Mapping[str, Any], reply: ReplyParts, names: Names, error: Mapping[str, Any]
) -> dict[str, Any]:
    """A response that failed on its way.

    Args:
        response: what `begun` gave.
        reply: the parts so far.
        names: its ids.
        error: an OpenAI error object.
    """
    kind = str(error.get("type") or "")
    code = {
        "code": _CODES.get(kind, "server_error"),
        "message": str(error.get("message") or "the reply failed"),
        "param": error.get("param"),
        "type": kind or "server_error",
    }
    parts = output(reply, names, is_cut=True)
    return {
        **reply.extras,
        **response,
        "status": "failed",
        "error": code,
        "output": parts,
        "usage": usage(reply.usage),
    }
