"""Reads JSON without holding the event loop.

The parser in C gives nobody else a turn until it is done. That is quick for text, however long, but a few MiB of small
lists take a second. So JSON with many values is read by the parser in Python, in a thread, where others get their turn;
and JSON with more values than a reply can have is not read at all.
"""

from __future__ import annotations

import json
from typing import Any

MAX_REPLY_BYTES = 10 * 2**20
"""A longer JSON body is malformed. 128,000 tokens are at most 1 MiB of text, or 2 MiB if each is escaped; log
probabilities and token ids add about 75 bytes a token."""
MAX_VALUES = 200_000
"""JSON with more values is malformed: no reply has as many, and reading and freeing them would hold the loop."""
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
    if len(body) <= _MANY_VALUES:
        return json.loads(body)
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
    """How much work it is to read: about the number of values, where a list or a member of an object counts as four
    and five escapes in text as one. What only looks like a value, within text, counts too."""
    text: Any = body
    comma, square, curly, name, escape = (
        mark.encode() if isinstance(body, bytes) else mark for mark in (",", "[", "{", '":', "\\")
    )
    containers = text.count(square) + text.count(curly) + text.count(name)
    return int(text.count(comma) + 4 * containers + text.count(escape) // 5)
