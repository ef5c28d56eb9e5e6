"""A reply of server-sent events that notices at once when its client leaves, and is never silent for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

HEARTBEAT = b": still working\n\n"
"""A comment, which clients ignore (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class ClientLeftError(Exception):
    """The client closed the connection before the reply was complete."""


class EventStream(Response):
    """Sends what a generator yields. When the client leaves, the generator is closed, and with it all that it waits for.

    A generator that fails must say so in an event of its own: the status has been sent.
    """

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        *,
        heartbeat_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            events: the body, in pieces.
            heartbeat_s: seconds of silence after which a comment is sent, between two events.
            headers: further headers.
        """
        self.status_code = 200
        self.background = None
        self.media_type = "text/event-stream"
        self.init_headers(
            {"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})}
        )
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._sent_at = 0.0
        self._between_events = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; ends early, and without an error, when the client leaves."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        keeper = asyncio.ensure_future(self._keep_alive(send))
        try:
            with contextlib.suppress(ClientLeftError):
                await unless_left(receive, self._send_all(send))
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        try:
            async with contextlib.aclosing(self._events) as events:
                async for piece in events:
                    await self._send(send, piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError as error:
            raise ClientLeftError from error

    async def _send(self, send: Send, piece: bytes) -> None:
        self._between_events = piece.endswith(_EVENT_ENDS)
        self._sent_at = asyncio.get_running_loop().time()
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _keep_alive(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        with contextlib.suppress(OSError):
            while True:
                silent = loop.time() - self._sent_at
                if silent >= self._heartbeat_s and self._between_events:
                    await self._send(send, HEARTBEAT)
                    silent = 0.0
                await asyncio.sleep(max(0.05, self._heartbeat_s - silent))


async def unless_left(receive: Receive, work: Awaitable[T]) -> T:
    """Wait for some work, and cancel it if the client leaves first.

    Args:
        receive: the messages of the connection; the body must have been read.
        work: what to wait for.

    Raises:
        ClientLeftError: the client left; the work was cancelled and has ended.
    """
    task = asyncio.current_task()
    assert task is not None, "a request is a task"
    before = task.cancelling()
    watcher = asyncio.ensure_future(_cancel_when_left(receive, task))
    try:
        return await work
    except asyncio.CancelledError:
        # Only the watcher cancelled it: the request goes on to its end, which is to book what was spent.
        if watcher.done() and not watcher.cancelled() and task.uncancel() == before:
            raise ClientLeftError from None
        raise
    finally:
        watcher.cancel()


async def _cancel_when_left(receive: Receive, task: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
