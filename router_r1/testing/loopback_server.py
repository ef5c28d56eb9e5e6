"""A real OpenAI-compatible HTTP server on 127.0.0.1 whose replies, faults and delays a Python function decides."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Exchange:
    """One request to a `LoopbackServer`."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    """Headers, their names in lower case."""
    number: int
    """Number of the request, from 0."""
    cancelled: bool = False
    """True if the client disconnected before the end of the reply."""


@dataclass(frozen=True)
class Served:
    """A reply of a `LoopbackServer`. `body` is sent as it is; `chat_reply` makes a well-formed one."""

    body: bytes | Mapping[str, Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    """Seconds before the status line is sent."""
    cut_after: int | None = None
    """Reset the connection after this many bytes of the body."""
    events: Sequence[Mapping[str, Any] | str] | None = None
    """Server-sent events instead of a body; `[DONE]` is not added."""
    event_delay_s: float = 0.0


Handler = Callable[[Exchange], Served | Awaitable[Served]]


def chat_reply(
    text: str | None,
    *,
    usage: Mapping[str, Any] | None = None,
    model: str = "loopback",
    finish: str = "stop",
) -> dict[str, Any]:
    """Make a well-formed chat completion.

    Args:
        text: the message; null in the reply if None.
        usage: the usage object, see `usage`; None leaves it out, as some servers do.
        model: the model the reply names.
        finish: the finish reason.
    """
    reply: dict[str, Any] = {
        "id": "loopback",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        ],
    }
    return reply if usage is None else reply | {"usage": dict(usage)}


def chat_events(
    text: str, *, usage: Mapping[str, Any] | None = None, finish: str | None = "stop"
) -> list[Mapping[str, Any] | str]:
    """Make a well-formed chat completion as server-sent events, one for each word.

    Args:
        text: the message.
        usage: the usage object, see `usage`; None leaves it out.
        finish: the finish reason; None: the stream breaks off after the last word.
    """
    head = {"id": "loopback", "object": "chat.completion.chunk", "created": 0, "model": "loopback"}

    def event(delta: Mapping[str, Any], ended: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": ended}]}

    words = [{"content": word + " "} for word in text.split()]
    if words:
        words[0] = {"role": "assistant", **words[0]}
    events: list[Mapping[str, Any] | str] = [event(word) for word in words]
    if finish is not None:
        events.append(event({}, finish))
        if usage is not None:
            events.append({**head, "choices": [], "usage": dict(usage)})
        events.append("[DONE]")
    return events


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """Make a usage object as providers send it.

    Args:
        prompt: tokens of the prompt.
        completion: tokens of the completion.
        cached: tokens of the prompt that were read from a cache.
        reasoning: tokens of the completion that were used for reasoning.
    """
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


class LoopbackServer:
    """An HTTP server on 127.0.0.1, in its own thread, that replies with what `handler` returns.

    Use it as a context manager. `base_url` goes into a pool or policy; `exchanges` has the requests so far.
    """

    def __init__(self, handler: Handler) -> None:
        self.exchanges: list[Exchange] = []
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: Any = None
        self.base_url = ""
        self.in_flight = 0
        self.most_in_flight = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(30)

    async def _start(self) -> None:
        from aiohttp import web

        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        # handler_cancellation: a client that disconnects cancels the handler, as in a good gateway.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"

    async def _serve(self, http: Any) -> Any:
        raw = await http.read()
        exchange = Exchange(
            http.path,
            json.loads(raw) if raw else {},
            {k.lower(): v for k, v in http.headers.items()},
            len(self.exchanges),
        )
        self.exchanges.append(exchange)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            served = self._handler(exchange)
            if not isinstance(served, Served):
                served = await served
            return await self._send(http, served)
        except (asyncio.CancelledError, ConnectionError):
            exchange.cancelled = True
            raise
        finally:
            self.in_flight -= 1

    async def _send(self, http: Any, served: Served) -> Any:
        from aiohttp import web

        await asyncio.sleep(served.delay_s)
        body = served.body if isinstance(served.body, bytes) else json.dumps(served.body).encode()
        if served.events is None and served.cut_after is None:
            response = web.Response(status=served.status, body=body, headers=dict(served.headers))
            response.headers["Content-Type"] = served.content_type
            return response
        stream = web.StreamResponse(status=served.status, headers=dict(served.headers))
        if served.events is None:
            stream.content_length = len(body)
            stream.content_type = served.content_type
            await stream.prepare(http)
            await stream.write(body[: served.cut_after])
            await asyncio.sleep(0.05)  # let the bytes leave before the reset
            http.transport.abort()
            return stream
        stream.content_type = "text/event-stream"
        await stream.prepare(http)
        for event in served.events:
            await asyncio.sleep(served.event_delay_s)
            data = event if isinstance(event, str) else json.dumps(event)
            await stream.write(f"data: {data}\n\n".encode())
        await stream.write_eof()
        return stream
