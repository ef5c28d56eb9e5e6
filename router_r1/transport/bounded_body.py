"""The body of a reply: decompressed here, with a limit on the bytes that come out, and without holding the event loop.

A few compressed bytes can stand for gigabytes, so what counts is the length after decompression. The limit holds for
every layer of compression. No piece is longer than `PIECE_BYTES`, and other tasks of the loop run between two pieces.

Requests ask for no compression. A server may send gzip or deflate all the same; both are in the standard library.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import cast

import httpx2

from router_r1.transport.loop_sharing import Turns

MAX_BODY_BYTES = 64 * 2**20
"""A longer body is broken off and counts as malformed: a server that never stops must not fill the memory. A stream of
128,000 tokens, one event each with its envelope of 350 bytes, is 43 MiB."""
MAX_ERROR_BYTES = 64 * 2**10
"""How much is kept of the body of an HTTP error."""
PIECE_BYTES = 16 * 2**10
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_WINDOWS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW)}
"""Formats by content coding. `deflate` means zlib's format (RFC 9110, section 8.4.1.2), but some servers leave its
header out."""
_UNREADABLE = frozenset({"br", "zstd", "compress", "x-compress"})
_MAX_LAYERS = 4


async def bound(http: httpx2.Response) -> None:
    """Put the limits on a response that has just begun; an event hook for responses."""
    body: AsyncIterator[bytes] = aiter(cast(httpx2.AsyncByteStream, http.stream))
    layers = [name.strip().lower() for name in http.headers.get("content-encoding", "").split(",")]
    layers = [name for name in reversed(layers) if name in _WINDOWS or name in _UNREADABLE]
    body = _limited(body)
    if unreadable := [name for name in layers if name in _UNREADABLE] or layers[_MAX_LAYERS:]:
        body = _refuse(
            f"the reply is compressed ({', '.join(unreadable)}), which was not asked for"
        )
        layers = []
    for name in layers:
        body = _limited(_inflate(body, _WINDOWS[name]))
    if not http.is_success:
        body = _beginning(body)
    http.stream = _Body(cast(httpx2.AsyncByteStream, http.stream), body)
    http.headers.pop("content-encoding", None)
    # JSON and server-sent events are UTF-8, whatever the header says; some codecs of Python are slow or not for text.
    kind = http.headers.get("content-type", "").partition(";")[0]
    http.headers["content-type"] = kind.strip()


class _Body(httpx2.AsyncByteStream):
    """The bounded body in place of the raw one, which it closes."""

    def __init__(self, raw: httpx2.AsyncByteStream, bounded: AsyncIterator[bytes]) -> None:
        self._raw, self._bounded = raw, bounded

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._bounded

    async def aclose(self) -> None:
        await self._raw.aclose()


async def _limited(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in pieces; raises `DecodingError` after `MAX_BODY_BYTES`."""
    length = 0
    turns = Turns()
    async for chunk in body:
        for start in range(0, len(chunk), PIECE_BYTES):
            piece = chunk[start : start + PIECE_BYTES]
            length += len(piece)
            if length > MAX_BODY_BYTES:
                raise httpx2.DecodingError(f"the reply is longer than {MAX_BODY_BYTES} bytes")
            yield piece
            await turns.pause()


async def _beginning(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first `MAX_ERROR_BYTES`; the rest is read, so that the connection can be kept, and dropped."""
    left = MAX_ERROR_BYTES
    async for piece in body:
        if left > 0:
            yield piece[:left]
            left -= len(piece)


async def _inflate(body: AsyncIterator[bytes], windows: tuple[int, ...]) -> AsyncIterator[bytes]:
    """Decompress in pieces. A gzip body may have several members; what follows the last one is ignored."""
    window, *others = windows
    member = zlib.decompressobj(window)
    first, whole_members = True, 0
    async for chunk in body:
        data = chunk
        while data:
            try:
                piece = member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                if first and others:
                    member = zlib.decompressobj(others.pop())
                    continue
                if whole_members:
                    return
                raise httpx2.DecodingError(f"the reply cannot be decompressed: {error}") from error
            first = False
            data = member.unconsumed_tail
            if member.eof:
                data, member = member.unused_data, zlib.decompressobj(window)
                whole_members += 1
            if piece:
                yield piece


async def _refuse(reason: str) -> AsyncIterator[bytes]:
    raise httpx2.DecodingError(reason)
    yield b""  # makes this an iterator
