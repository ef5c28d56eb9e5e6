"""Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) from the bytes of a reply.

Lines end with CR, LF or both; a byte order mark, comments and unknown fields are ignored; `data` lines of one event are
joined. Beyond the standard, an event that the end of the reply cuts off is delivered, and a line that begins with `{` is
an event of its own: some servers send one JSON object a line, without the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LINE_END = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Event:
    """One event: its name, empty if it has none, and its data."""

    name: str
    data: str


@dataclass
class EventReader:
    """Collects bytes into events. Bytes of an unfinished line are looked at once, however they are cut into pieces."""

    _pieces: list[bytes] = field(default_factory=list)
    """The unfinished line."""
    _skip_line_feed: bool = False
    """Whether the last piece ended with CR, so that an LF at the start of the next one ends no second line."""
    _at_start: bool = True
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if self._skip_line_feed and piece:
            piece = piece.removeprefix(b"\n")
            self._skip_line_feed = False
        start = 0
        for match in _LINE_END.finditer(piece):
            self._pieces.append(piece[start : match.start()])
            start = match.end()
            yield from self._line(b"".join(self._pieces))
            self._pieces.clear()
        self._pieces.append(piece[start:])
        self._skip_line_feed = piece.endswith(b"\r")

    def finish(self) -> Iterator[Event]:
        """The event that the end of the reply completes, if any."""
        yield from self._line(b"".join(self._pieces))
        self._pieces.clear()
        yield from self._line(b"")

    def _line(self, raw: bytes) -> Iterator[Event]:
        if self._at_start:
            raw, self._at_start = raw.removeprefix(_BYTE_ORDER_MARK), False
        line = raw.decode(errors="replace")
        if line.startswith("{"):
            yield Event(self._name, line)
            return
        if not line:
            if self._data:
                yield Event(self._name, "\n".join(self._data))
            self._name, self._data = "", []
            return
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._name = value.removeprefix(" ")
