"""Reading the fields of a request: each function gives the value with its type, or says what is wrong with it.

A field is named by its dotted path, as in `messages.2.content.0.source`. Values are shown only where they are one of
a few words; a text may be a key. What a field means is decided in the modules of the shapes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from router_r1.errors import shown_name
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError


def shown(value: object) -> str:
    """What a value is, for a message: its type, and its content only for numbers and flags."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            digits = repr(value) if abs(value) < 1e15 else "a large number"
            return digits
        case str():
            return "text" if value else "an empty text"
        case Mapping():
            return "an object"
        case list() | tuple():
            return f"a list of {len(value)}"
        case _:
            return f"a {type(value).__name__}"


def text(value: object, field: str) -> str:
    """A text. Raises `InvalidRequestError` for anything else."""
    if not isinstance(value, str):
        raise InvalidRequestError(field, "a text", shown(value))
    return value


def name(value: object, field: str) -> str:
    """A text that is not empty. Raises `InvalidRequestError` for anything else."""
    if not text(value, field):
        raise InvalidRequestError(field, "a text that is not empty", "an empty text")
    return str(value)


def mapping(value: object, field: str) -> Mapping[str, Any]:
    """An object. Raises `InvalidRequestError` for anything else."""
    if not isinstance(value, Mapping):
        raise InvalidRequestError(field, "an object", shown(value))
    return value


def items(value: object, field: str) -> Sequence[Any]:
    """A list. Raises `InvalidRequestError` for anything else."""
    if not isinstance(value, list | tuple):
        raise InvalidRequestError(field, "a list", shown(value))
    return value


def number(value: object, field: str) -> float:
    """A number. Raises `InvalidRequestError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequestError(field, "a number", shown(value))
    return value


def whole(value: object, field: str, least: int) -> int:
    """A whole number of at least `least`. Raises `InvalidRequestError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequestError(field, f"a whole number of at least {least}", shown(value))
    return value


def flag(value: object, field: str) -> bool:
    """`true` or `false`. Raises `InvalidRequestError` for anything else."""
    if not isinstance(value, bool):
        raise InvalidRequestError(field, "true or false", shown(value))
    return value


def word(value: object, field: str, known: Collection[str]) -> str:
    """One of a few words. Raises `InvalidRequestError` for anything else."""
    if not isinstance(value, str) or value not in known:
        came = repr(shown_name(value)) if isinstance(value, str) and value else shown(value)
        raise InvalidRequestError(field, f"one of {', '.join(sorted(known))}", came)
    return value


def refuse(body: Mapping[str, Any], reasons: Mapping[str, str], at: str = "") -> None:
    """Refuse fields that cannot be honoured. `null`, `false`, and empty texts, lists and objects ask for nothing.

    Args:
        body: the request, or an object in it.
        reasons: by field, why not and what to do instead.
        at: the path of the object, with a dot at its end.

    Raises:
        UnsupportedFieldError: one of the fields asks for something.
    """
    for field, why in reasons.items():
        if body.get(field) not in (None, False, "", [], {}):
            raise UnsupportedFieldError(at + field, why)


def put(chat: dict[str, Any], key: str, value: object, field: str) -> None:
    """Set a field of the chat body from a field of another name, unless the client has sent both.

    Args:
        chat: the chat body so far, with what was passed through.
        key: the chat field.
        value: its value.
        field: the field of the request that said it.

    Raises:
        InvalidRequestError: the request held the chat field too, so one of the two would be lost.
    """
    if key in chat:
        raise InvalidRequestError(key, f"only {field}, which says the same in this API", "both")
    chat[key] = value


def put_stream(chat: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Set `stream`, and ask a streamed reply for its usage, which both shapes report.

    Args:
        chat: the chat body, which is changed.
        body: the request.

    Raises:
        InvalidRequestError: `stream` or `stream_options` is of the wrong type.
    """
    if body.get("stream") is None or not flag(body["stream"], "stream"):
        return
    options = body.get("stream_options")
    given = {} if options is None else mapping(options, "stream_options")
    chat["stream_options"] = {**given, "include_usage": True}


def json_text(value: object, field: str) -> str:
    """A value as JSON. Raises `InvalidRequestError` for one that cannot be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(field, "JSON of at most some hundred levels", "more") from error
