"""An event loop in a thread, on which synchronous callers run coroutines."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from router_r1.errors import CallerError

T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a thread, for callers that have no loop or cannot wait on theirs.

    An agent runs all its synchronous calls on one such loop, so that they share connections and queues.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it; an interrupt of the waiting thread cancels it.

        Raises:
            CallerError: called from the loop's own thread, where it would wait for itself.
        """
        with self._lock:
            if threading.current_thread() is self._thread:
                work.close()
                raise CallerError(
                    "ask() and close() wait, so they cannot be called from a callback; use aask() and aclose()"
                )
            if self._loop is None:
                self._loop, self._thread = _start()
                # The thread of an agent that is never closed ends with the agent.
                weakref.finalize(self, _end, self._loop)
            ended = threading.Event()
            future: Future[T] = asyncio.run_coroutine_threadsafe(_then(work, ended), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            # After an interrupt, give the coroutine time to cancel its calls and write its trace.
            ended.wait(5.0)
            raise

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel all coroutines, run `last`, end the thread. A concurrent or later `run` starts another thread.

        Raises:
            CallerError: called from the loop's own thread, where it would wait for itself.
        """
        with self._lock:
            if threading.current_thread() is self._thread:
                last.close()
                raise CallerError(
                    "close() waits, so it cannot be called from a callback; use aclose()"
                )
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            loop, thread = _start()

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last

        try:
            asyncio.run_coroutine_threadsafe(end(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _start() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """Start a daemon thread that runs a new loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,), name="router-r1", daemon=True)
    thread.start()
    return loop, thread


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    # What a reply that was not read to its end left open; otherwise its closing would be lost with the loop.
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Stop a loop from another thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


async def _then(work: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    """Await `work`, then set `ended`, also after an exception."""
    try:
        return await work
    finally:
        ended.set()
