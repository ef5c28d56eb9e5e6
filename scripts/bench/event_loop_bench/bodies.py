"""The replies of the benchmark: long honest ones, and hostile ones. Each is a body, sent as fast as it is read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MIB = 2**20
_ENVELOPE = {
    "id": "chatcmpl-0123456789abcdef0123456789abcdef",
    "object": "chat.completion.chunk",
    "created": 1790000000,
    "model": "vendor/model-of-some-size-instruct",
    "system_fingerprint": "fp_0123456789",
}


@dataclass(frozen=True)
class Reply:
    """One kind of reply."""

    body: Callable[[], Iterator[bytes]]
    """The body, in pieces."""
    streamed: bool = False
    """Whether a stream is asked for."""
    answered: bool = False
    """Whether it is an honest answer, which must arrive."""
    status: int = 200
    gzip: bool = False
    """Whether the body is compressed."""


def _whole(start: str, unit: str, end: str, size: int = 8 * MIB) -> Callable[[], Iterator[bytes]]:
    """A body of about `size` bytes that repeats a unit."""

    def body() -> Iterator[bytes]:
        room = size - len(start) - len(end)
        yield (start + unit * (room // len(unit.encode())) + end).encode()

    return body


def _without_end(unit: bytes) -> Callable[[], Iterator[bytes]]:
    """80 MiB that repeat a unit."""

    def body() -> Iterator[bytes]:
        piece = unit * (MIB // len(unit))
        for _ in range(80):
            yield piece

    return body


def _json(value: object) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([json.dumps(value).encode()])


def _message(message: object, **choice: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice]}


def _tokens(count: int) -> Iterator[bytes]:
    """An honest stream with an event for each token, as hosted servers send it."""
    for number in range(count):
        choice = {"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}
        yield b"data: " + json.dumps(_ENVELOPE | {"choices": [choice]}).encode() + b"\n\n"
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield b"data: " + json.dumps(_ENVELOPE | end).encode() + b"\n\ndata: [DONE]\n\n"


def _pieces(count: int) -> Iterator[bytes]:
    """The shortest events that add a character each, and an end."""
    yield b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n' * count
    yield b"data: [DONE]\n\n"


def _names() -> Iterator[bytes]:
    yield b'{"a":{' + b",".join(b'"%d":1' % n for n in range(750_000)) + b"}}"


def _bomb(pieces: Callable[[], Iterator[bytes]], layers: int = 1) -> Callable[[], Iterator[bytes]]:
    def body() -> Iterator[bytes]:
        packed = b"".join(pieces())
        for _ in range(layers):
            packed = gzip.compress(packed, 6)
        yield packed

    return body


def _event(body: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
    def event() -> Iterator[bytes]:
        yield b"data: "
        yield from body()
        yield b"\n\ndata: [DONE]\n\n"

    return event


_LOGPROBS = [
    {"token": f" word{n}", "logprob": -0.01234, "bytes": [32, 119, 111, 114], "top_logprobs": []}
    for n in range(32_000)
]
_TEXT = '{"choices":[{"message":{"content":"', '"},"finish_reason":"stop"}]}'
_DELTA = '{"choices":[{"delta":{"content":"', '"},"finish_reason":"stop"}]}'
_PARTS = (
    '{"choices":[{"message":{"content":[{"text":"a"}',
    ',{"type":"text","text":"a word or two of text"}',
    ']},"finish_reason":"stop"}]}',
)

REPLIES: dict[str, Reply] = {
    # honest
    "1 MB of text": Reply(_json(_message({"content": "word " * 200_000})), answered=True),
    "1 MB of Chinese": Reply(_json(_message({"content": "中文" * 170_000})), answered=True),
    "32,000 tokens with log-probabilities": Reply(
        _json(_message({"content": "word " * 32_000}, logprobs={"content": _LOGPROBS})),
        answered=True,
    ),
    "32,000 streamed tokens": Reply(lambda: _tokens(32_000), streamed=True, answered=True),
    # one long JSON value
    "escapes": Reply(_whole(_TEXT[0], "\\n", _TEXT[1])),
    "escaped characters": Reply(_whole(_TEXT[0], "a\\u4e2d", _TEXT[1])),
    "Chinese": Reply(_whole(_TEXT[0], "中", _TEXT[1])),
    "parts": Reply(_whole(*_PARTS)),
    "lists": Reply(_whole("[[]", ",[]", "]")),
    "lists of lists": Reply(_whole("[" + "[" * 500 + "]" * 500, ",[[[[[[]]]]]]", "]")),
    "objects": Reply(_whole("[{}", ',{"a":{}}', "]")),
    "numbers": Reply(_whole("[1", ",1", "]")),
    "long numbers": Reply(_whole("[1", ",123456789.123456789e-9", "]")),
    "one number": Reply(_whole('{"a":1', "1", "}")),
    "texts": Reply(_whole('["a"', ',"b"', "]")),
    "names": Reply(_names),
    "depth": Reply(_whole("", "[", "")),
    "an error of lists": Reply(_whole("[[]", ",[]", "]"), status=500),
    "an error of escapes": Reply(_whole('{"error":{"message":"', "\\n", '"}}'), status=400),
    "an error inside status 200": Reply(_whole('{"error":{"message":"', "rate limit ", '"}}')),
    "errors inside status 200": Reply(_whole('{"errors":[1', ',{"message":"rate limit"}', "]}")),
    # bodies without an end
    "spaces": Reply(_without_end(b" ")),
    "text": Reply(_without_end(b"a")),
    "a bomb": Reply(_bomb(_without_end(b" ")), gzip=True),
    "a bomb of lists": Reply(_bomb(_whole("[[]", ",[]", "]")), gzip=True),
    # streams
    "blank lines": Reply(_without_end(b"\n"), streamed=True),
    "comments": Reply(_without_end(b":\n"), streamed=True),
    "blank lines after an event": Reply(
        lambda: iter([b"data: {}\n", *_without_end(b"\r\n")()]), streamed=True
    ),
    "empty events": Reply(_without_end(b"data:\n\n"), streamed=True),
    "tiny events": Reply(_without_end(b"data: {}\n\n"), streamed=True),
    "keep-alive events": Reply(_without_end(b"data: [KEEPALIVE]\n\n"), streamed=True),
    "tiny pieces of text": Reply(lambda: _pieces(400_000), streamed=True),
    "data lines of one event": Reply(_without_end(b"data:\n"), streamed=True),
    "names of one event": Reply(_without_end(b"event: a\n"), streamed=True),
    "JSON lines": Reply(_without_end(b"{}\n"), streamed=True),
    "a line without an end": Reply(lambda: iter([b"data: ", *_without_end(b"a")()]), streamed=True),
    "an event of escapes": Reply(_event(_whole(_DELTA[0], "\\n", _DELTA[1])), streamed=True),
    "an event of lists": Reply(_event(_whole("[[]", ",[]", "]")), streamed=True),
    "an event of objects": Reply(_event(_whole("[{}", ',{"a":{}}', "]")), streamed=True),
    "an event of names": Reply(_event(_names), streamed=True),
    "an event of depth": Reply(_event(_whole("", "[", "")), streamed=True),
    "a bomb of blank lines": Reply(_bomb(_without_end(b"\n")), streamed=True, gzip=True),
    "a bomb of tiny events": Reply(_bomb(_without_end(b"data: {}\n\n")), streamed=True, gzip=True),
}
"""Replies by name."""
