"""Reads JSON without holding the event loop.

The parser in C gives nobody else a turn until it is done. That is quick for text, however long, but a few MiB of small
lists take a second. So JSON with many values is read by the parser in Python, in a thread, where others get their turn.
JSON with more values than a reply can have is not read to its end: freeing them, and Python's garbage collector, which
looks through the whole process once enough lists and objects have come, would hold the loop.

Objects of log-probabilities, of which a reply may have one a token, are read as null: nobody uses them.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

MAX_REPLY_BYTES = 8 * 2**20
"""A longer JSON body is malformed: the parser in C takes up to 45 ms for as much. 128,000 tokens are at most 1 MiB of
text, or 2 MiB if each is escaped; log-probabilities and token ids add 60 to 120 bytes a token."""
MAX_WEIGHT = 1_000_000
"""JSON that weighs more is malformed: a value in a list weighs 1, a list or an object `_CONTAINER` more, and a name in an
object `_NAME`, by the time it takes to make and free them."""
_CONTAINER = 25
_NAME = 10
_FEW_VALUES = 20_000
"""So many values may be read at a stretch, by the parser in C."""


class _PatientDecoder(json.JSONDecoder):
    """Reads lists and objects in Python, and text in C. Raises `ValueError` after `MAX_WEIGHT`."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_WEIGHT
        self._library: Any = json.decoder
        decoder: Any = self  # the parsers are attributes that the type stubs leave out
        decoder.parse_object, decoder.parse_array = self._object, self._array
        decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]

    def _object(self, text_and_at: Any, strict: bool, scan: Any, *others: Any) -> Any:
        left = self._left
        self._weigh(_CONTAINER)
        scan_value = partial(self._scan, scan, _NAME)
        value, end = self._library.JSONObject(text_and_at, strict, scan_value, *others)
        if not _is_logprobs(value):
            return value, end
        self._left = left
        return None, end

    def _array(self, text_and_at: Any, scan: Any) -> Any:
        self._weigh(_CONTAINER)
        return self._library.JSONArray(text_and_at, partial(self._scan, scan, 1))

    def _scan(self, scan: Any, weight: int, text: str, at: int) -> Any:
        self._weigh(weight)
        return scan(text, at)

    def _weigh(self, weight: int) -> None:
        self._left -= weight
        if self._left < 0:
            raise ValueError("more values than a reply can have")


def _is_logprobs(value: dict[str, Any]) -> bool:
    """Whether an object holds log-probabilities: of one token, as chats have it, or of each of several tokens."""
    return "logprob" in value or (bool(value) and all(type(v) is float for v in value.values()))


def read_json(body: bytes | str) -> Any:
    """Read JSON of limited size; UTF-8 if it is bytes. Call it within `turns.in_turns`.

    Raises:
        ValueError: not JSON, not text, longer than `MAX_REPLY_BYTES`, or heavier than `MAX_WEIGHT`.
        RecursionError: nested too deeply.
    """
    if len(body) <= _FEW_VALUES:
        return json.loads(body)
    if len(body) > MAX_REPLY_BYTES:
        raise ValueError(f"longer than {MAX_REPLY_BYTES} bytes")
    text: Any = body.decode("utf-8-sig") if isinstance(body, bytes) else body
    # What only looks like a value, within text, counts too: then the slower parser is used in vain.
    if sum(map(text.count, ",[{")) <= _FEW_VALUES:
        return json.loads(text)
    return _PatientDecoder().decode(text)
