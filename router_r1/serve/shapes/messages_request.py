"""The settings of a Messages request as chat fields: tools, their choice, thinking, effort, output format, metadata.

Its messages are in `messages_history.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes import fields
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError
from router_r1.serve.shapes.fields import put

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BUDGETS = ((4096, "low"), (16384, "medium"))
"""Thinking budgets in tokens below which an effort is meant; more is `high`."""
_TOOL = {
    "allowed_callers": "tools are called by the model alone; leave it out",
    "defer_loading": "all tools are shown to the model; leave it out",
    "input_examples": "put the examples into the description",
}


def put_tools(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Set the tools and which of them the model shall call.

    Args:
        chat: the chat body, which is changed.
        body: the request.

    Raises:
        InvalidRequestError: a tool or the choice is malformed.
        UnsupportedFieldError: a tool is not a function of the client.
    """
    if body.get("tools") is not None:
        tools = fields.items(body["tools"], "tools")
        if made := [_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)]:
            chat["tools"] = made
    if body.get("tool_choice") is None:
        return
    choice = fields.mapping(body["tool_choice"], "tool_choice")
    kind = fields.word(choice.get("type"), "tool_choice.type", ("any", "auto", "none", "tool"))
    if kind == "tool":
        name = fields.name(choice.get("name"), "tool_choice.name")
        chat["tool_choice"] = {"type": "function", "function": {"name": name}}
    else:
        chat["tool_choice"] = "required" if kind == "any" else kind
    if choice.get("disable_parallel_tool_use") is not None:
        field = "tool_choice.disable_parallel_tool_use"
        is_single = fields.flag(choice["disable_parallel_tool_use"], field)
        put(chat, "parallel_tool_calls", not is_single, field)


def put_output(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Set the reasoning effort and the output format.

    An effort that is named counts. Otherwise a thinking budget in tokens, which a chat has not, becomes an effort, and
    disabled thinking is the effort `none`.

    Args:
        chat: the chat body, which is changed.
        body: the request.

    Raises:
        InvalidRequestError: a setting is malformed.
        UnsupportedFieldError: a setting cannot be honoured.
    """
    effort, source = _thinking(body.get("thinking")), "thinking"
    if body.get("output_config") is not None:
        config = fields.mapping(body["output_config"], "output_config")
        for key in config:
            if key not in ("effort", "format"):
                why = "only effort and format are; leave out the others"
                raise UnsupportedFieldError("output_config", why)
        if config.get("effort") is not None and effort != "none":
            source = "output_config.effort"
            effort = fields.word(config["effort"], source, _EFFORTS)
        _put_format(chat, config.get("format"), "output_config.format")
    _put_format(chat, body.get("output_format"), "output_format")
    if effort is not None:
        put(chat, "reasoning_effort", effort, source)


def put_metadata(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Set `user` from `metadata.user_id`; other metadata stay metadata.

    Args:
        chat: the chat body, which is changed.
        body: the request.

    Raises:
        InvalidRequestError: the metadata are malformed.
    """
    if body.get("metadata") is None:
        return
    metadata = dict(fields.mapping(body["metadata"], "metadata"))
    user = metadata.pop("user_id", None)
    if user is not None:
        put(chat, "user", fields.text(user, "metadata.user_id"), "metadata.user_id")
    if metadata:
        chat["metadata"] = metadata


def put_tier(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Set the service tier, which has other names in a chat.

    Args:
        chat: the chat body, which is changed.
        body: the request.

    Raises:
        InvalidRequestError: there is no such tier.
    """
    if body.get("service_tier") is not None:
        tiers = {"auto": "auto", "standard_only": "default"}
        chat["service_tier"] = tiers[fields.word(body["service_tier"], "service_tier", tiers)]


def _tool(tool: object, field: str) -> dict[str, Any]:
    given = fields.mapping(tool, field)
    if given.get("type") not in (None, "custom"):
        why = "only tools that the client runs are, with a name and an input_schema"
        raise UnsupportedFieldError(f"{field}.type", why)
    refused = {key: why for key, why in _TOOL.items() if given.get(key) != ["direct"]}
    fields.refuse(given, refused, f"{field}.")
    function: dict[str, Any] = {"name": fields.name(given.get("name"), f"{field}.name")}
    if given.get("description") is not None:
        function["description"] = fields.text(given["description"], f"{field}.description")
    function["parameters"] = fields.mapping(given.get("input_schema"), f"{field}.input_schema")
    if given.get("strict") is not None:
        function["strict"] = fields.flag(given["strict"], f"{field}.strict")
    return {"type": "function", "function": function}


def _thinking(thinking: object) -> str | None:
    if thinking is None:
        return None
    given = fields.mapping(thinking, "thinking")
    if given.get("display") is not None:
        fields.word(given["display"], "thinking.display", ("summarized", "omitted"))
    match fields.name(given.get("type"), "thinking.type"):
        case "disabled":
            return "none"
        case "adaptive":
            return None
        case "enabled":
            budget = fields.whole(given.get("budget_tokens"), "thinking.budget_tokens", 1024)
            return next((effort for below, effort in _BUDGETS if budget < below), "high")
        case _:
            why = "only enabled, adaptive and disabled are; use adaptive"
            raise UnsupportedFieldError("thinking.type", why)


def _put_format(chat: dict[str, Any], wanted: object, field: str) -> None:
    if wanted is None:
        return
    given = fields.mapping(wanted, field)
    fields.word(given.get("type"), f"{field}.type", ("json_schema",))
    schema = fields.mapping(given.get("schema"), f"{field}.schema")
    if "response_format" in chat:
        raise InvalidRequestError(field, "one output format", "two")
    json_schema = {"name": "output", "schema": schema, "strict": True}
    chat["response_format"] = {"type": "json_schema", "json_schema": json_schema}
