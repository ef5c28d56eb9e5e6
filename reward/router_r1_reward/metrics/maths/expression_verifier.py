"""A pool of processes that compare expressions with math-verify, under hard limits on processor time and memory.

math-verify refuses to run outside the main thread unless its time-outs are off, and without them nothing stops it:
`9^{9^{9^9}}` computes for ever in C code that no signal interrupts. So each comparison runs in a worker process
(`expression_worker.py`) under a limit on processor time that the kernel enforces. The limit is on processor time and
not on wall-clock time, so that a score does not depend on how busy the machine is. An expression that exceeds the limit
counts as not equal, because an answer that cannot be verified is not accepted; a warning says so. Any other failure
raises.

For Linux and macOS. The workers are plain subprocesses, so a script needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import logging
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
from pathlib import Path

from router_r1.errors import DataError, MissingDependencyError
from router_r1_reward.errors import ScorerError

log = logging.getLogger("router_r1_reward.metrics.maths.expression_verifier")

_SCRIPT = Path(__file__).with_name("expression_worker.py")


class Verifier:
    """A pool of worker processes, started when needed and kept. Safe to use from several threads."""

    def __init__(
        self,
        workers: int | None = None,
        *,
        cpu_s: int = 5,
        wall_s: float = 120.0,
        max_chars: int = 1000,
    ) -> None:
        """
        Args:
            workers: maximum number of processes; by default one per processor, at most four.
            cpu_s: limit on the processor time of one comparison, in seconds.
            wall_s: seconds of wall-clock time after which a worker that has not replied is an error.
            max_chars: maximum length of an expression; a longer answer is wrong, a longer gold answer an error.
        """
        self.cpu_s, self.wall_s, self.max_chars = cpu_s, wall_s, max_chars
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers or min(4, os.cpu_count() or 1)):
            self._idle.put(None)  # a worker that is not started yet
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def equal(self, gold: str, answer: str) -> bool:
        """Whether the answer is the same expression as the gold answer.

        Raises:
            DataError: the gold answer is too long, or math-verify cannot read it.
            ScorerError: a worker died or hung, for a reason that is not the expression.
            MissingDependencyError: math-verify is not installed.
        """
        if len(gold) > self.max_chars:
            raise DataError(
                f"the gold answer has {len(gold)} characters, expected an expression of at most {self.max_chars}; use "
                f"another metric"
            )
        if len(answer) > self.max_chars:
            return False
        require_math_verify()
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker(self.cpu_s)
                with self._lock:
                    self._all.add(worker)
            reply = worker.request({"gold": gold, "answer": answer}, self.wall_s)
        except BaseException:
            self._drop(worker)
            raise
        if reply is None:
            self._drop(worker)
            log.warning(
                "math-verify took more than %d s of processor time, the answer counts as wrong: %.80r",
                self.cpu_s,
                answer,
            )
            return False
        self._idle.put(worker)
        if "unreadable" in reply:
            raise DataError(
                f"math-verify cannot read the gold answer {gold!r}; correct it, or use another metric"
            )
        if "equal" not in reply:
            raise ScorerError(f"math-verify failed on {answer!r} against {gold!r}: {reply}")
        return bool(reply["equal"])

    def _drop(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.kill()
            with self._lock:
                self._all.discard(worker)
        self._idle.put(None)

    def close(self) -> None:
        """Kill all workers; their comparisons are lost. Does nothing in a fork of the process that started them."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            for worker in self._all:
                worker.kill()
            self._all.clear()


class _Worker:
    """One worker process: a JSON object a line on its standard input, one back on its standard output."""

    def __init__(self, cpu_s: int) -> None:
        # -P: do not import from the folder of the script.
        command = [sys.executable, "-P", str(_SCRIPT), str(cpu_s)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._buffer = b""

    def request(self, pair: dict[str, str], wall_s: float) -> dict[str, object] | None:
        """The worker's reply; None if the limit on processor time killed it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(pair).encode() + b"\n")
            self._process.stdin.flush()
            line = self._read_line(wall_s)
        except BrokenPipeError:
            line = b""
        if line:
            reply: dict[str, object] = json.loads(line)
            return reply
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return None
        raise ScorerError(
            f"the math-verify worker ended with status {status}; run `python -P {_SCRIPT} 5` to see why"
        )

    def _read_line(self, wall_s: float) -> bytes:
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(wall_s):
                    raise ScorerError(
                        f"the math-verify worker did not reply within {wall_s:g} s; is the machine overloaded?"
                    )
                chunk = os.read(output, 65536)
                if not chunk:
                    return b""
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def kill(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()


def require_math_verify() -> None:
    """Raise `MissingDependencyError` unless math-verify is installed."""
    if importlib.util.find_spec("math_verify") is None:
        raise MissingDependencyError(
            "comparing expressions needs math-verify: pip install 'math-verify[antlr4_9_3]>=0.9,<0.10'"
        )


_shared: Verifier | None = None
_shared_lock = threading.Lock()


def shared() -> Verifier:
    """The pool that all grading in this process shares."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Verifier()
            atexit.register(_shared.close)
        return _shared


def _forget_after_fork() -> None:
    """Drop the workers in a fork: they and their pipes belong to the parent process."""
    global _shared, _shared_lock
    _shared, _shared_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
