"""The program of a worker of `expression_verifier.py`: reads pairs of expressions, replies which are equal.

One JSON object a line: `{"pairs": [[gold, answer, places], ...]}` in; `{"equal": [[true, ""], [false, problem], ...]}`,
`{"unreadable": gold}` or `{"timeout": true}` out, after a first line `{"ready": true}`. It is run by its path, so it imports nothing of the project
but its neighbour `expression_equality.py`.

Importing sympy takes a second, so the program imports once and serves from a fork of itself. Before each request the fork
sets the kernel's timer of its processor time; if it expires, the kernel kills the fork, whatever it is doing, and the
program replies `timeout` and forks again, which takes milliseconds.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_MEMORY_BYTES = 4 * 2**30
_WARM_UP = (
    r"\frac{\sqrt{2}}{2}+x^2-1.5", r"[1,2)\cup(3,\infty)", r"y=3x\cdot 5", r"\sin(\pi x)", r"x \ge 3", r"2(x+1)(x-3)", r"|x|!",
    r"\log_{2} 8", "1 < x < 2", r"e^{x}", r"\binom{5}{2}", "4i+3",
)  # fmt: skip


def main() -> None:
    """Serve until standard input ends."""
    cpu_s = float(sys.argv[1])
    replies = os.dup(1)
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    logging.disable(logging.CRITICAL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    sys.path.insert(0, str(Path(__file__).parent))
    equality = importlib.import_module("expression_equality")
    sys.path.pop(0)
    for text in _WARM_UP:  # fills the tables of the parser, which the forks inherit
        equality.equal(text, text + " ", 0)
    equality.equal("(1,2]", "1 < x \\le 2", 0)
    _write(replies, {"ready": True})
    while True:
        child = os.fork()
        if child == 0:
            _serve(replies, cpu_s, equality)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGPROF:
            sys.exit(status if status >= 0 else 128 - status)
        _write(replies, {"timeout": True})


def _serve(replies: int, cpu_s: float, equality: Any) -> None:
    """Reply to requests until standard input ends."""
    pending, parent = b"", os.getppid()
    while chunk := os.read(0, 65536):
        pending += chunk
        if not pending.endswith(b"\n"):
            continue
        if os.getppid() != parent:
            return  # nobody would replace this fork
        request, pending = json.loads(pending), b""
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        try:
            reply: dict[str, Any] = {"equal": [equality.equal(*pair) for pair in request["pairs"]]}
        except equality.UnreadableGoldError as error:
            reply = {"unreadable": str(error)}
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(replies, reply)


def _write(output: int, reply: dict[str, Any]) -> None:
    line = json.dumps(reply).encode() + b"\n"
    while line:
        line = line[os.write(output, line) :]


if __name__ == "__main__":
    main()
