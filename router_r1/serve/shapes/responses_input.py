"""The `input` of a Responses request as chat messages.

Covers messages, function calls and their outputs, and reasoning items, with text, images and files in them. Items of
hosted tools, and references to what a server has stored, are refused. `history.py` says how items become messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes import fields
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError
from router_r1.serve.shapes.history import History, Part, image_part, text_part

_ROLES = ("assistant", "developer", "system", "user")
_DETAILS = ("auto", "high", "low", "original")
_STORED = "nothing is stored here; send the item itself"


def to_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chat messages of a request: its instructions, then its input.

    Args:
        body: the request.

    Raises:
        InvalidRequestError: an item is malformed.
        UnsupportedFieldError: an item cannot be carried.
    """
    history = History()
    if body.get("instructions") is not None:
        instructions = fields.text(body["instructions"], "instructions")
        history.say("system", [text_part(instructions)])
    given = body.get("input")
    if isinstance(given, str):
        history.say("user", [text_part(given)])
        return history.done()
    if not isinstance(given, list | tuple):
        raise InvalidRequestError("input", "a text or a list of items", fields.shown(given))
    for index, item in enumerate(given):
        field = f"input.{index}"
        _add(history, fields.mapping(item, field), field)
    messages = history.done()
    if not messages:
        raise InvalidRequestError("input", "at least one item", "none")
    return messages


def _add(history: History, item: Mapping[str, Any], field: str) -> None:
    kind = item.get("type")
    if kind is None:
        kind = "message" if "role" in item else "item_reference"
    match fields.name(kind, f"{field}.type"):
        case "message":
            role = fields.word(item.get("role"), f"{field}.role", _ROLES)
            parts = _parts(item.get("content"), f"{field}.content", role == "assistant")
            history.answer(parts) if role == "assistant" else history.say(role, parts)
        case "function_call":
            call_id = fields.name(item.get("call_id"), f"{field}.call_id")
            name = fields.name(item.get("name"), f"{field}.name")
            fields.refuse(item, {"namespace": "tools have no namespaces here"}, f"{field}.")
            history.call(call_id, name, fields.text(item.get("arguments"), f"{field}.arguments"))
        case "function_call_output":
            call_id = fields.name(item.get("call_id"), f"{field}.call_id")
            parts = _parts(item.get("output"), f"{field}.output")
            history.result(call_id, parts, f"{field}.call_id")
        case "reasoning":
            _add_reasoning(history, item, field)
        case "item_reference":
            raise UnsupportedFieldError(field, _STORED)
        case _:
            why = "only messages, function calls, their outputs and reasoning are carried; leave the item out"
            raise UnsupportedFieldError(f"{field}.type", why)


def _add_reasoning(history: History, item: Mapping[str, Any], field: str) -> None:
    """Reasoning is its text, or else its summary; with neither, it can be read by its maker alone."""
    for part in ("content", "summary"):
        entries = fields.items(item.get(part) or [], f"{field}.{part}")
        texts = [
            fields.text(
                fields.mapping(entry, f"{field}.{part}").get("text"), f"{field}.{part}.text"
            )
            for entry in entries
        ]
        if text := "\n\n".join(filter(None, texts)):
            history.think(text)
            return
    if item.get("encrypted_content") is not None:
        history.think_hidden(f"{field}.encrypted_content")


def _parts(content: object, field: str, is_reply: bool = False) -> list[Part]:
    """Content of a message or a result as chat parts."""
    if isinstance(content, str):
        return [text_part(content)]
    if not isinstance(content, list | tuple):
        raise InvalidRequestError(field, "a text or a list of parts", fields.shown(content))
    return [
        _part(fields.mapping(part, f"{field}.{index}"), f"{field}.{index}", is_reply)
        for index, part in enumerate(content)
    ]


def _part(part: Mapping[str, Any], field: str, is_reply: bool) -> Part:
    kind = part.get("type")
    if kind in ("input_text", "output_text"):
        return text_part(fields.text(part.get("text"), f"{field}.text"))
    if kind == "refusal" and is_reply:
        return {"type": "refusal", "refusal": fields.text(part.get("refusal"), f"{field}.refusal")}
    if kind == "input_image" and not is_reply:
        fields.refuse(part, {"file_id": f"{_STORED}, in image_url"}, f"{field}.")
        detail = part.get("detail")
        if detail is not None:
            detail = fields.word(detail, f"{field}.detail", _DETAILS)
        return image_part(fields.name(part.get("image_url"), f"{field}.image_url"), detail)
    if kind == "input_file" and not is_reply:
        reasons = {
            "file_id": f"{_STORED}, in file_data",
            "file_url": "files are not fetched here; send file_data",
        }
        fields.refuse(part, reasons, f"{field}.")
        file = {"file_data": fields.name(part.get("file_data"), f"{field}.file_data")}
        if part.get("filename") is not None:
            file["filename"] = fields.text(part["filename"], f"{field}.filename")
        return {"type": "file", "file": file}
    known = "output_text or refusal" if is_reply else "input_text, input_image or input_file"
    came = "another type" if isinstance(kind, str) else fields.shown(kind)
    raise InvalidRequestError(f"{field}.type", known, came)
