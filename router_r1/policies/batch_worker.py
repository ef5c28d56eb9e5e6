"""A thread that gathers waiting turns into batches and generates them."""

from __future__ import annotations

import atexit
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from router_r1.errors import PolicyError


@dataclass
class PendingTurn:
    """A turn that waits to be generated."""

    prompt: list[int]
    max_tokens: int
    stops: tuple[str, ...]
    done: Future[list[int]]
    """Receives the generated ids."""


Generate = Callable[[list[PendingTurn], threading.Event], list[list[int]]]
"""Generates one batch; breaks off when the event is set."""


class BatchWorker:
    """Generates batch after batch in a thread of its own. Belongs to no event loop; cannot be restarted."""

    def __init__(self, generate: Generate, max_batch: int, gather_s: float) -> None:
        """
        Args:
            generate: called in the thread.
            max_batch: maximum number of turns in a batch.
            gather_s: seconds to wait for more turns before a batch starts.
        """
        self._generate, self._max_batch, self._gather_s = generate, max_batch, gather_s
        self._queue: queue.SimpleQueue[PendingTurn | None] = queue.SimpleQueue()
        self._waiting: list[PendingTurn] = []
        self._closing = threading.Event()
        # A daemon thread, so that a policy that is never closed does not keep the program running; but it must not be
        # in the middle of a batch when the interpreter shuts down.
        self._thread = threading.Thread(target=self._serve, name="transformers-policy", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """False once the worker is closed, and in a forked child."""
        return self._thread.is_alive() and not self._closing.is_set()

    def submit(self, turn: PendingTurn) -> None:
        """Queue a turn."""
        self._queue.put(turn)

    def close(self) -> None:
        """Break off the running batch, fail the waiting turns, and wait for the thread."""
        atexit.unregister(self.close)
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while batch := self._next_batch():
            try:
                outputs = self._generate(batch, self._closing)
                if self._closing.is_set():
                    raise PolicyError("the policy was closed in the middle of a turn")
            except BaseException as error:
                # Every turn of the batch must receive the error: a turn left waiting would hang.
                for turn in batch:
                    turn.done.set_exception(error)
            else:
                for turn, ids in zip(batch, outputs, strict=True):
                    turn.done.set_result(ids)

    def _next_batch(self) -> list[PendingTurn]:
        """The oldest waiting turn and those with the same stop strings; empty once closed. Drops cancelled turns."""
        while self._gather():
            stops = self._waiting[0].stops
            batch = [turn for turn in self._waiting if turn.stops == stops][: self._max_batch]
            self._waiting = [turn for turn in self._waiting if turn not in batch]
            batch = [turn for turn in batch if turn.done.set_running_or_notify_cancel()]
            if batch:
                return batch
        for turn in self._waiting:
            turn.done.cancel()
        return []

    def _gather(self) -> bool:
        """Wait for a turn, and then `gather_s` for more; False once closed."""
        # Turns left over from the last batch have waited long enough.
        until = time.monotonic() if self._waiting else None
        while len(self._waiting) < self._max_batch:
            try:
                timeout = None if until is None else max(0.0, until - time.monotonic())
                turn = self._queue.get(timeout=timeout)
            except queue.Empty:
                break
            if turn is None:
                return False
            self._waiting.append(turn)
            until = until or time.monotonic() + self._gather_s
        return True
