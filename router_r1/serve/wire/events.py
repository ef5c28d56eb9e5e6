"""Whole server-sent events out of the bytes of a stream, unchanged, and what is in them.

`transport/event_stream.py` reads the same format for the agent's own calls; there the bytes are not needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from router_r1.serve.api_error import ApiError

MAX_EVENT_BYTES = 8 * 2**20
"""A longer event is broken off: nobody sends one, and it would fill the memory."""
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE = re.compile(rb"\r\n|\n|\r")
_LONGEST_END = 4


class EventSplitter:
    """Collects bytes into whole events, in time linear in the bytes, however they are cut."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that these bytes complete, each with the empty line that ends it.

        Raises:
            ApiError: an event is longer than `MAX_EVENT_BYTES`.
        """
        looked_at = max(0, len(self._left) - _LONGEST_END + 1)
        self._left += piece
        events, begin = [], 0
        while (end := _END.search(self._left, looked_at)) is not None:
            events.append(bytes(self._left[begin : end.end()]))
            begin = looked_at = end.end()
        del self._left[:begin]
        if len(self._left) > MAX_EVENT_BYTES:
            raise ApiError(
                502,
                f"an event of the model is longer than {MAX_EVENT_BYTES} bytes",
                kind="upstream_error",
            )
        return events

    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._left)


def data_of(event: bytes) -> bytes:
    """The data of an event: its `data` lines, joined."""
    lines = [
        line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:")
    ]
    return b"\n".join(lines)


def object_in(text: bytes) -> dict[str, Any] | None:
    """The JSON object in a text; None if there is none. Takes what some servers send: lone surrogates, NaN."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def message_of(error: Mapping[str, Any] | None, otherwise: str) -> str:
    """The text of an error that a server reports, whatever its form."""
    report: Any = (error or {}).get("error", error)
    if isinstance(report, dict):
        report = report.get("message")
    return report if isinstance(report, str) and report else otherwise
