"""Reads JSON without holding the event loop.

The parser in C gives nobody else a turn until it is done. That is quick for text, however long, but a few MiB of small
lists take a second. So JSON with many values is read by the parser in Python, in a thread, where others get their turn;
and JSON with more values than a reply can have is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MAX_REPLY_BYTES = 10 * 2**20
"""A longer JSON body is malformed. 128,000 tokens are at most 1 MiB of text, or 2 MiB if each is escaped; log
probabilities and token ids add about 75 bytes a token."""
MAX_VALUES = 200_000
"""JSON with more values is malformed: no reply has as many, and reading and freeing them would hold the loop."""
_CONTAINER = 5
"""How many values a list, an object or a name counts as: so much longer it takes, mostly to be freed."""
_MANY_VALUES = 20_000


class _PatientDecoder(json.JSONDecoder):
    """Reads lists and objects in Python, and text in C. Raises `ValueError` after `MAX_VALUES` values."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_VALUES
        decoder: Any = self  # the parsers are attributes that the type stubs leave out
        decoder.parse_object = self._counted(decoder.parse_object, _CONTAINER)
        decoder.parse_array = self._counted(decoder.parse_array, _CONTAINER)
        decoder.parse_int = self._counted(decoder.parse_int, 1)
        decoder.parse_float = self._counted(decoder.parse_float, 1)
        decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]

    def _counted(self, parse: Callable[..., Any], weight: int) -> Callable[..., Any]:
        def count(*given: Any) -> Any:
            self._left -= weight
            if self._left < 0:
                raise ValueError(f"more than {MAX_VALUES} values")
            return parse(*given)

        return count


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
    text: Any = body

    def count(mark: str) -> int:
        return int(text.count(mark.encode() if isinstance(body, bytes) else mark))

    # Within text, a quotation mark has a backslash before it.
    names = count('":') - count('\\":')
    texts = count('",') - count('\\",')
    if _CONTAINER * names + texts > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
    # What only looks like a value, within text, counts too: then the slower parser is used in vain.
    if names + count(",") + count("[") + count("{") <= _MANY_VALUES:
        return json.loads(body)
    text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
    return _PatientDecoder().decode(text)
