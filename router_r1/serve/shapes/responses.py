"""OpenAI's Responses API as chat completions and back, without any state: requests, whole replies, error bodies.

What a stateless gateway decides:

- `store: true` is accepted, and the reply says `store: false`: nothing is kept. So `previous_response_id`,
  `conversation`, `prompt`, `background` and references to stored items are refused.
- Tools are functions. Hosted tools (`web_search`, `file_search`, `code_interpreter`, `mcp`, ...) and custom tools are
  refused.
- `include: ["reasoning.encrypted_content"]` and `reasoning.summary` are accepted: reasoning items hold the reasoning
  itself, as `content`.
- `strict` of a function is sent on as given; without one, the endpoint decides.
- `max_tool_calls` counts calls of hosted tools, of which there are none.
- Top-level fields that this API does not know pass through untouched, such as `stop` or `seed`.

Values of the request are shared with the chat body, not copied. Streams are in `responses_stream.py`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes import fields
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError
from router_r1.serve.shapes.fields import put
from router_r1.serve.shapes.parts import ReplyParts
from router_r1.serve.shapes.responses_input import to_messages
from router_r1.serve.shapes.responses_reply import Names, begun, ended

_STATELESS = "nothing is stored here; send the whole history as input"
_REFUSED = {
    "background": "there are no background responses; leave it out, or stream",
    "background_options": "there are no background responses; leave it out",
    "context_management": "histories are not shortened here; send what the model shall see",
    "conversation": _STATELESS,
    "previous_response_id": _STATELESS,
    "prompt": "prompt templates are not stored here; send instructions and input",
    "top_logprobs": "log-probabilities are not carried; use /v1/chat/completions",
}
_TRANSLATED = {
    *_REFUSED,
    *("include", "input", "instructions", "max_output_tokens", "max_tool_calls", "reasoning"),
    *("store", "text", "tool_choice", "tools", "truncation"),
}
_TOOL = {
    "allowed_callers": "tools are called by the model alone; leave it out",
    "defer_loading": "all tools are shown to the model; leave it out",
    "async": "tool calls wait for their results; leave it out",
}


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """A Responses request as a chat completions body.

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
        raise UnsupportedFieldError("n", "a response is one reply; send several requests")
    chat = {key: value for key, value in body.items() if key not in _TRANSLATED}
    _check(body)
    put(chat, "messages", to_messages(body), "input")
    if body.get("max_output_tokens") is not None:
        most = fields.whole(body["max_output_tokens"], "max_output_tokens", 1)
        put(chat, "max_completion_tokens", most, "max_output_tokens")
    _put_text(chat, body)
    _put_reasoning(chat, body)
    if body.get("tools") is not None:
        tools = fields.items(body["tools"], "tools")
        made = [_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)]
        if made:
            chat["tools"] = made
    if body.get("tool_choice") is not None:
        chat["tool_choice"] = _tool_choice(body["tool_choice"])
    fields.put_stream(chat, body)
    return chat


def from_chat(reply: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A complete chat reply as a complete response object.

    Args:
        reply: a `chat.completion` object.
        body: the Responses request that it answers, which `to_chat` has accepted.

    Raises:
        BadReplyError: the reply is not a chat completion.
    """
    parts = ReplyParts.of(reply)
    names = Names(str(reply.get("id") or uuid.uuid4().hex))
    created = reply.get("created")
    model = parts.model or str(body.get("model") or "")
    response = begun(body, names, model, int(time.time()) if created is None else created)
    return ended(response, parts, names)


def error(status: int, message: str, kind: str, param: str | None) -> dict[str, Any]:
    """The body of an error reply.

    Args:
        status: the HTTP status; OpenAI's body does not repeat it.
        message: what was wrong, and what to do.
        kind: OpenAI's type of the error; an empty one follows from the status.
        param: the field of the request, if it is one.
    """
    default = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind or default, "param": param, "code": None}}


def _check(body: Mapping[str, Any]) -> None:
    """Check fields that are sent on as they are, and those that need nothing done."""
    if body.get("model") is not None:
        fields.name(body["model"], "model")
    for field in ("temperature", "top_p"):
        if body.get(field) is not None:
            fields.number(body[field], field)
    for field in ("parallel_tool_calls", "store"):
        if body.get(field) is not None:
            fields.flag(body[field], field)
    if body.get("metadata") is not None:
        fields.mapping(body["metadata"], "metadata")
    if body.get("max_tool_calls") is not None:
        fields.whole(body["max_tool_calls"], "max_tool_calls", 1)
    for field in ("user", "prompt_cache_key", "safety_identifier"):
        if body.get(field) is not None:
            fields.text(body[field], field)
    if body.get("truncation") not in (None, "disabled"):
        raise UnsupportedFieldError("truncation", "histories are not shortened here; use disabled")
    for index, wanted in enumerate(fields.items(body.get("include") or [], "include")):
        if wanted != "reasoning.encrypted_content":
            why = "only reasoning.encrypted_content is accepted; leave the others out"
            raise UnsupportedFieldError(f"include.{index}", why)


def _put_text(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    if body.get("text") is None:
        return
    text = fields.mapping(body["text"], "text")
    for key in text:
        if key not in ("format", "verbosity"):
            raise InvalidRequestError("text", "format and verbosity alone", "another field")
    if text.get("verbosity") is not None:
        verbosity = fields.word(text["verbosity"], "text.verbosity", ("low", "medium", "high"))
        put(chat, "verbosity", verbosity, "text.verbosity")
    if text.get("format") is None:
        return
    wanted = fields.mapping(text["format"], "text.format")
    kind = fields.word(
        wanted.get("type"), "text.format.type", ("text", "json_object", "json_schema")
    )
    if kind == "text":
        return
    made: dict[str, Any] = {"type": kind}
    if kind == "json_schema":
        fields.name(wanted.get("name"), "text.format.name")
        fields.mapping(wanted.get("schema"), "text.format.schema")
        keys = ("name", "description", "schema", "strict")
        made[kind] = {key: wanted[key] for key in keys if wanted.get(key) is not None}
    put(chat, "response_format", made, "text.format")


def _put_reasoning(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    if body.get("reasoning") is None:
        return
    reasoning = fields.mapping(body["reasoning"], "reasoning")
    for key in ("summary", "generate_summary"):
        if reasoning.get(key) is not None:
            fields.word(reasoning[key], f"reasoning.{key}", ("auto", "concise", "detailed"))
    for key, default in (("mode", "standard"), ("context", "auto")):
        if reasoning.get(key) not in (None, default):
            raise UnsupportedFieldError(f"reasoning.{key}", f"only {default} is; leave it out")
    if reasoning.get("effort") is not None:
        effort = fields.name(reasoning["effort"], "reasoning.effort")
        put(chat, "reasoning_effort", effort, "reasoning.effort")


def _tool(tool: object, field: str) -> dict[str, Any]:
    given = fields.mapping(tool, field)
    if fields.name(given.get("type"), f"{field}.type") != "function":
        why = "only tools of the type function are; leave out hosted and custom tools"
        raise UnsupportedFieldError(f"{field}.type", why)
    refused = {key: why for key, why in _TOOL.items() if given.get(key) != ["direct"]}
    fields.refuse(given, refused, f"{field}.")
    function: dict[str, Any] = {"name": fields.name(given.get("name"), f"{field}.name")}
    if given.get("description") is not None:
        function["description"] = fields.text(given["description"], f"{field}.description")
    if given.get("parameters") is not None:
        function["parameters"] = fields.mapping(given["parameters"], f"{field}.parameters")
    if given.get("strict") is not None:
        function["strict"] = fields.flag(given["strict"], f"{field}.strict")
    return {"type": "function", "function": function}


def _tool_choice(choice: object) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return fields.word(choice, "tool_choice", ("none", "auto", "required"))
    given = fields.mapping(choice, "tool_choice")
    match fields.name(given.get("type"), "tool_choice.type"):
        case "function":
            name = fields.name(given.get("name"), "tool_choice.name")
            return {"type": "function", "function": {"name": name}}
        case "allowed_tools":
            mode = fields.word(given.get("mode"), "tool_choice.mode", ("auto", "required"))
            tools = fields.items(given.get("tools"), "tool_choice.tools")
            named = [_allowed(tool, f"tool_choice.tools.{i}") for i, tool in enumerate(tools)]
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
        case _:
            why = "only function and allowed_tools are; hosted and custom tools are not"
            raise UnsupportedFieldError("tool_choice.type", why)


def _allowed(tool: object, field: str) -> dict[str, Any]:
    given = fields.mapping(tool, field)
    if fields.name(given.get("type"), f"{field}.type") != "function":
        raise UnsupportedFieldError(f"{field}.type", "only tools of the type function are")
    name = fields.name(given.get("name"), f"{field}.name")
    return {"type": "function", "function": {"name": name}}
