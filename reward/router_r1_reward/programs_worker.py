"""The program that `programs.py` starts for each run: sets limits, runs a program, then its tests.

Reads one JSON object from standard input; writes `ready`, then the secret if the tests ran to their end, to a copy of
standard output that the program does not know of. Imports nothing of the project.
"""

from __future__ import annotations

import json
import os
import resource
import sys


def main() -> None:
    """One run."""
    order = json.load(sys.stdin)
    verdict = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    try:
        tests = compile(order["tests"], "tests", "exec")
    except (SyntaxError, ValueError):
        os.write(verdict, b"bad tests\n")
        return
    limits = order["limits"]
    for kind, value in (
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    os.write(verdict, b"ready\n")
    names: dict[str, object] = {"__name__": "__answer__"}
    exec(compile(order["program"], "answer", "exec"), names)
    exec(tests, names)
    os.write(verdict, order["secret"].encode() + b"\n")


if __name__ == "__main__":
    main()
