"""Reads JSON without holding the event loop.

The parser in C gives nobody else a turn until it is done. That is quick for text, however long, but a few MiB of small
lists take a second. So JSON with many values is read by the parser in Python, in a thread, where others get their turn.
"""

from __future__ import annotations

import json
from typing import Any

MAX_REPLY_BYTES = 10 * 2**20
"""A longer JSON body is malformed. 128,000 tokens are at most 1 MiB of text, or 2 MiB if each is escaped; log
probabilities and token ids add about 75 bytes a token."""
MAX_VALUES = 500_000
"""JSON with more values is malformed: it is no reply of a model, and reading it takes seconds."""
_MANY_VALUES = 20_000


class _PatientDecoder(json.JSONDecoder):
    """Reads lists and objects in Python, and text in C."""

    def __init__(self) -> None:
        super().__init__()
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def read_json(body: bytes | str) -> Any:
    """Read JSON of limited size; UTF-8 if it is bytes. Call it within `turns.in_turns`.

    Raises:
        ValueError: not JSON, not text, longer than `MAX_REPLY_BYTES`, or more than `MAX_VALUES` values.
        RecursionError: nested too deeply.
    """
    if len(body) > MAX_REPLY_BYTES:
        raise ValueError(f"longer than {MAX_REPLY_BYTES} bytes")
    values = _count_values(body)
    if values > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
    if values <= _MANY_VALUES:
        return json.loads(body)
    text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
    return _PatientDecoder().decode(text)


def _count_values(body: bytes | str) -> int:
    """An upper bound of the values in it: the commas and brackets, those in text included."""
    marks: list[Any] = [b",", b"[", b"{"] if isinstance(body, bytes) else [",", "[", "{"]
    return sum(body.count(mark) for mark in marks)
