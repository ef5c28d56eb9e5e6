"""The `system` and `messages` of a Messages request as chat messages.

Covers text, images, documents (PDF as base64, or plain text), tool calls, their results and thinking. Blocks of
server tools are refused. `cache_control` of a block says what may be cached, which does not change a reply, and a chat
message has no place for it; citations of a text are for display. Both are not carried. `history.py` says how blocks
become messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes import fields
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError
from router_r1.serve.shapes.history import History, Part, image_part, text_part

_MEDIA = ("image/gif", "image/jpeg", "image/png", "image/webp")
_PREFILL = "a reply that continues the assistant's own words; end with a user message"


def to_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chat messages of a request: its system prompt, then its messages.

    Args:
        body: the request.

    Raises:
        InvalidRequestError: a message is malformed.
        UnsupportedFieldError: a block cannot be carried.
    """
    history = History()
    if body.get("system") is not None:
        history.say("system", _texts(body["system"], "system"))
    messages = fields.items(body.get("messages"), "messages")
    if not messages:
        raise InvalidRequestError("messages", "at least one message", "none")
    role = ""
    for index, message in enumerate(messages):
        field = f"messages.{index}"
        given = fields.mapping(message, field)
        role = fields.word(given.get("role"), f"{field}.role", ("assistant", "system", "user"))
        field = f"{field}.content"
        match role:
            case "system":
                history.say(role, _texts(given.get("content"), field))
            case "user":
                _add_user(history, _blocks(given.get("content"), field), field)
            case _:
                _add_assistant(history, _blocks(given.get("content"), field), field)
    if role == "assistant":
        raise UnsupportedFieldError(f"messages.{len(messages) - 1}", _PREFILL)
    return history.done()


def _blocks(content: object, field: str) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list | tuple):
        raise InvalidRequestError(field, "a text or a list of blocks", fields.shown(content))
    return [fields.mapping(block, f"{field}.{index}") for index, block in enumerate(content)]


def _texts(content: object, field: str) -> list[Part]:
    """Blocks of a system prompt."""
    parts = []
    for index, block in enumerate(_blocks(content, field)):
        fields.word(block.get("type"), f"{field}.{index}.type", ("text",))
        parts.append(_part(block, f"{field}.{index}"))
    return parts


def _add_user(history: History, blocks: list[Mapping[str, Any]], field: str) -> None:
    """Results come first, since a chat wants them right after their calls."""
    parts, has_results = [], False
    for index, block in enumerate(blocks):
        if block.get("type") == "tool_result":
            has_results = True
            _add_result(history, block, f"{field}.{index}")
        else:
            parts.append(_part(block, f"{field}.{index}"))
    if parts or not has_results:
        history.say("user", parts, new_turn=not has_results)


def _add_result(history: History, block: Mapping[str, Any], field: str) -> None:
    call_id = fields.name(block.get("tool_use_id"), f"{field}.tool_use_id")
    content = block.get("content")
    blocks = [] if content is None else _blocks(content, f"{field}.content")
    parts = [_part(part, f"{field}.content.{index}") for index, part in enumerate(blocks)]
    failed = block.get("is_error")
    is_error = failed is not None and fields.flag(failed, f"{field}.is_error")
    history.result(call_id, parts, f"{field}.tool_use_id", is_error)


def _add_assistant(history: History, blocks: list[Mapping[str, Any]], field: str) -> None:
    texts: list[Part] = []
    for index, block in enumerate(blocks):
        at = f"{field}.{index}"
        kind = fields.name(block.get("type"), f"{at}.type")
        if kind == "text":
            texts.append(text_part(fields.text(block.get("text"), f"{at}.text")))
            continue
        if texts:
            history.answer(texts)
            texts = []
        match kind:
            case "tool_use":
                call_id = fields.name(block.get("id"), f"{at}.id")
                name = fields.name(block.get("name"), f"{at}.name")
                arguments = fields.mapping(block.get("input"), f"{at}.input")
                history.call(call_id, name, fields.json_text(arguments, f"{at}.input"))
            case "thinking":
                if thought := fields.text(block.get("thinking"), f"{at}.thinking"):
                    history.think(thought)
            case "redacted_thinking":
                history.think_hidden(at)
            case _:
                why = "only text, tool_use and thinking of the assistant are carried; leave it out"
                raise UnsupportedFieldError(f"{at}.type", why)
    if texts or not blocks:
        history.answer(texts)


def _part(block: Mapping[str, Any], field: str) -> Part:
    match fields.name(block.get("type"), f"{field}.type"):
        case "text":
            return text_part(fields.text(block.get("text"), f"{field}.text"))
        case "image":
            source = fields.mapping(block.get("source"), f"{field}.source")
            return _image(source, f"{field}.source")
        case "document":
            source = fields.mapping(block.get("source"), f"{field}.source")
            return _document(source, block.get("title"), f"{field}.source")
        case _:
            why = "only text, image, document and tool_result are carried; leave it out"
            raise UnsupportedFieldError(f"{field}.type", why)


def _image(source: Mapping[str, Any], field: str) -> Part:
    match fields.name(source.get("type"), f"{field}.type"):
        case "url":
            return image_part(fields.name(source.get("url"), f"{field}.url"))
        case "base64":
            media = fields.word(source.get("media_type"), f"{field}.media_type", _MEDIA)
            data = fields.name(source.get("data"), f"{field}.data")
            return image_part(f"data:{media};base64,{data}")
        case _:
            raise UnsupportedFieldError(f"{field}.type", "use base64 or url; no files are stored")


def _document(source: Mapping[str, Any], title: object, field: str) -> Part:
    kind = fields.name(source.get("type"), f"{field}.type")
    if kind not in ("base64", "text"):
        raise UnsupportedFieldError(f"{field}.type", "use base64 or text; no files are fetched")
    data = fields.name(source.get("data"), f"{field}.data")
    if kind == "text":
        return text_part(data)
    fields.word(source.get("media_type"), f"{field}.media_type", ("application/pdf",))
    filename = title if isinstance(title, str) and title else "document.pdf"
    file = {"filename": filename, "file_data": f"data:application/pdf;base64,{data}"}
    return {"type": "file", "file": file}
