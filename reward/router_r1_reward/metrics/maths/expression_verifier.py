"""A pool of processes that compare expressions with sympy, under hard limits on processor time and memory.

Nothing in Python stops `9^{9^{9^9}}`, which computes for ever in C code. So expressions are compared in worker processes
(`expression_worker.py`, `expression_equality.py`) under a limit on processor time that the kernel enforces. The limit is
on processor time and not on wall-clock time, so that a score does not depend on how busy the machine is, and it does not
count the start of a worker. A worker that exceeds it is replaced within milliseconds.

An answer that exceeds the limit, that the parser cannot read or that sympy cannot compare counts as not equal, because an
answer that cannot be verified is not accepted; the log says so, at the level DEBUG. If the gold answer alone exceeds the
limit, that is an error. Any other failure raises.

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
import re
import selectors
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from router_r1.errors import DataError, MissingDependencyError
from router_r1_reward.errors import ScorerError

log = logging.getLogger("router_r1_reward.metrics.maths.expression_verifier")

_SCRIPT = Path(__file__).with_name("expression_worker.py")


_MAX_DEPTH = 30
"""The greatest depth of brackets in an answer; the parser's time grows steeply with it."""


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in re.findall(r"[({\[\])}]", text):
        depth += 1 if bracket in "({[" else -1
        deepest = max(deepest, depth)
    return deepest


class Pair(NamedTuple):
    """A comparison of two expressions in LaTeX."""

    gold: str
    answer: str
    places: int = 0
    """Decimal places to which constants are compared, or 0 to compare exactly."""


class Verifier:
    """A pool of worker processes, started when needed and kept. Safe to use from several threads."""

    def __init__(
        self,
        workers: int | None = None,
        *,
        cpu_s: float = 0.4,
        wall_s: float = 120.0,
        max_chars: int = 1000,
    ) -> None:
        """
        Args:
            workers: maximum number of processes; by default one per processor, at most four.
            cpu_s: limit on the processor time of one request, in seconds.
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
        """Whether the answer is the same expression as the gold answer; see `equal_pairs`."""
        return self.equal_pairs([Pair(gold, answer)])[0]

    def equal_pairs(self, pairs: Sequence[Pair]) -> list[bool]:
        """Which pairs are equal. All of them share the limit on processor time.

        Raises:
            DataError: a gold answer is too long, or cannot be read.
            ScorerError: a gold answer alone exceeds the limit, or a worker died or hung for another reason.
            MissingDependencyError: math-verify is not installed.
        """
        for pair in pairs:
            if len(pair.gold) > self.max_chars:
                raise DataError(
                    f"the gold answer has {len(pair.gold)} characters, expected an expression of at most "
                    f"{self.max_chars}; use another metric"
                )
        if any(
            len(pair.answer) > self.max_chars or _depth(pair.answer) > _MAX_DEPTH for pair in pairs
        ):
            log.debug(
                "the answer is too long or too deep to verify, it counts as wrong: %.80r",
                pairs[0].answer,
            )
            return [False] * len(pairs)
        require_math_verify()
        reply = self._ask(pairs)
        if "timeout" in reply:
            golds = [Pair(gold, gold, -1) for gold in dict.fromkeys(pair.gold for pair in pairs)]
            if "timeout" in self._ask(golds):
                raise ScorerError(
                    f"comparing the gold answer {golds[0].gold!r:.100} with itself takes more than {self.cpu_s:g} s of "
                    f"processor time; write it in a simpler form, or use another metric"
                )
            log.debug(
                "the comparison took more than %g s of processor time, the answer counts as wrong: %.80r",
                self.cpu_s,
                pairs[0].answer,
            )
            return [False] * len(pairs)
        if "unreadable" in reply:
            raise DataError(
                f"math-verify cannot read the gold answer {reply['unreadable']!r}; correct it, or use another metric"
            )
        equal = reply.get("equal")
        if not isinstance(equal, list):
            raise ScorerError(f"comparing {pairs!r:.200} failed: {reply}")
        for pair, (_, problem) in zip(pairs, equal, strict=True):
            if problem:
                log.debug("the answer %s, it counts as wrong: %.80r", problem, pair.answer)
        return [same for same, _ in equal]

    def _ask(self, pairs: Sequence[Pair]) -> dict[str, object]:
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker(self.cpu_s)
                with self._lock:
                    self._all.add(worker)
            reply = worker.request({"pairs": pairs}, self.wall_s)
        except BaseException:
            self._drop(worker)
            raise
        self._idle.put(worker)
        return reply

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

    def __init__(self, cpu_s: float) -> None:
        # -P: do not import from the folder of the script.
        command = [sys.executable, "-P", str(_SCRIPT), str(cpu_s)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._buffer = b""
        self._started = False

    def request(self, request: dict[str, object], wall_s: float) -> dict[str, object]:
        """The worker's reply, once it has started."""
        if not self._started:
            self._receive(wall_s)
            self._started = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()
        return self._receive(wall_s)

    def _receive(self, wall_s: float) -> dict[str, object]:
        line = self._read_line(wall_s)
        if not line:
            self._died()
        reply: dict[str, object] = json.loads(line)
        return reply

    def _died(self) -> NoReturn:
        status = self._process.wait()
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
