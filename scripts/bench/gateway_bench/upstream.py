"""The upstream of the benchmark: an OpenAI-compatible server that costs next to nothing, so that gateways are measured.

    python upstream.py PORT [fault_share]

The model `policy` writes three turns (ask, ask, adopt); every other model replies with about 400 characters, in 22 events
if a stream is asked for. With a fault share, that share of requests gets HTTP 500. `GET /counts` says what was served:
requests, faults, replies that were sent to their end, and their completion tokens; each reply has a number of tokens of
its own.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

WORDS = [f"word{n:02d} " for n in range(60)]
EVENTS = 20
TURNS = (
    '<think>I ask.</think><route model="mock">question</route>',
    '<think>I ask again.</think><route model="mock">Is that so?</route>',
    '<think>Good.</think><answer model="mock" reply="1"></answer>',
)


class Counts:
    """What the server has done."""

    def __init__(self) -> None:
        self.requests = self.faults = self.whole = self.tokens = self.open = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, counts: Counts, fault_share: float) -> None:
        self._counts, self._fault_share = counts, fault_share
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop replying."""
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Serve each request that is complete."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            if len(rest) < length:
                return
            body, self._buffer = rest[:length], rest[length:]
            if head.startswith(b"GET"):
                self._send(json.dumps(vars(self._counts)).encode())
            else:
                self._serve(body)

    def _serve(self, body: bytes) -> None:
        counts = self._counts
        counts.requests += 1
        number = counts.requests
        if self._fault_share and random.random() < self._fault_share:
            counts.faults += 1
            self._send(b'{"error": {"message": "fault"}}', status=b"500 Error")
            return
        tokens = 20 + number % 80
        if b'"model":"policy"' in body or b'"model": "policy"' in body:
            turn = min(body.count(b'"assistant"'), 2)
            self._send(_reply(TURNS[turn], tokens))
        elif b'"stream":true' in body or b'"stream": true' in body:
            self._task = asyncio.ensure_future(self._stream(tokens))
            return
        else:
            self._send(_reply("".join(WORDS), tokens))
        counts.whole += 1
        counts.tokens += tokens

    async def _stream(self, tokens: int) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self._counts.open += 1
        try:
            for n in range(EVENTS):
                text = "".join(WORDS[n * 3 : n * 3 + 3])
                self._event(
                    {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
                )
                await asyncio.sleep(0.002)
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            usage = {
                "prompt_tokens": 100,
                "completion_tokens": tokens,
                "total_tokens": 100 + tokens,
            }
            self._event({"choices": [], "usage": usage})
            self._chunk(b"data: [DONE]\n\n")
            self._transport.write(b"0\r\n\r\n")
            self._counts.whole += 1
            self._counts.tokens += tokens
        finally:
            self._counts.open -= 1

    def _event(self, fields: dict[str, Any]) -> None:
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock"}
        self._chunk(b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _send(self, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


def _reply(text: str, tokens: int) -> bytes:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "mock"}
    return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


async def main() -> None:
    """Serve until the process is killed."""
    counts = Counts()
    share = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(counts, share), "127.0.0.1", int(sys.argv[1]), backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
