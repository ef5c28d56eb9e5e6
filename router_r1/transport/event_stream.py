"""Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) from the bytes of a reply.

Lines end with CR, LF or both; a byte order mark, comments and unknown fields are ignored; `data` lines of one event are
joined. Beyond the standard, an event that the end of the reply cuts off is delivered, and a line that begins with `{` is
an event of its own: some servers send one JSON object a line, without the frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from router_r1.transport.json_body import MAX_REPLY_BYTES

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, empty if it has none, and its data."""

    name: str
    data: str


@dataclass
class EventReader:
    """Collects bytes into events, in time linear in the bytes, however they are cut into pieces.

    Raises `ValueError` for an event longer than `MAX_REPLY_BYTES`.
    """

    _unfinished: list[bytes] = field(default_factory=list)
    """The pieces of a line whose end has not come."""
    _length: int = 0
    """Bytes of the event so far."""
    _skip_line_feed: bool = False
    """Whether the last piece ended with CR, so that an LF at the start of the next one ends no second line."""
    _at_start: bool = True
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if self._skip_line_feed and piece:
            piece = piece.removeprefix(b"\n")
        self._skip_line_feed = piece.endswith(b"\r")
        lines = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._unfinished.append(lines[0])
        self._length += len(lines[0])
        if len(lines) > 1:
            lines[0] = b"".join(self._unfinished)
            self._unfinished = [lines.pop()]
            for line in lines:
                if line or self._data or self._name:
                    yield from self._read_line(line)
            self._length += len(self._unfinished[0])
        if self._length > MAX_REPLY_BYTES:
            raise ValueError(f"an event is longer than {MAX_REPLY_BYTES} bytes")

    def finish(self) -> Iterator[Event]:
        """The event that the end of the reply completes, if any."""
        yield from self._read_line(b"".join(self._unfinished))
        self._unfinished.clear()
        yield from self._read_line(b"")

    def _read_line(self, raw: bytes) -> Iterator[Event]:
        if self._at_start:
            raw, self._at_start = raw.removeprefix(_BYTE_ORDER_MARK), False
        if raw.startswith(b":"):
            return
        if not raw:
            if self._data:
                yield Event(self._name, "\n".join(self._data))
            self._name, self._data, self._length = "", [], 0
            return
        line = raw.decode(errors="replace")
        if line.startswith("{"):
            yield Event(self._name, line)
            return
        self._length += len(raw)
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._name = value.removeprefix(" ")
