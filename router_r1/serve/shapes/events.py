"""One event of a streamed reply, and its bytes as a server-sent event. The order of events is each shape's own."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Event(NamedTuple):
    """One event of a stream, in the shape of either API."""

    name: str
    """The name on the `event:` line; the data repeat it as their `type`."""
    data: dict[str, Any]
    """The JSON object on the `data:` line."""


def encode(event: Event) -> bytes:
    """An event as the bytes of a server-sent event, with the empty line that ends it.

    Args:
        event: what `begin`, `feed`, `finish` or `fail` of a stream gave.

    Returns:
        UTF-8. Half of a surrogate pair, which UTF-8 cannot hold, stays the JSON escape that it was.
    """
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event.name}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")
