"""Does a program pass its tests? Each run in a fresh interpreter with limits. This is NOT a security sandbox.

Running what a model wrote is off unless ROUTER_R1_ALLOW_CODE=1 is set or the caller says `allow_code=True`. What a run
gets: an isolated interpreter (`-I`), no environment variable of yours, an empty folder of its own, limits on processor
time, memory, file size, open files and (not as root, whom the kernel exempts) processes, a limit on the clock, and,
where `unshare` is permitted, no network and a process namespace that ends with it; where it is not, a warning says so.
What it does not get: a file system of its own. It can read your files. For answers you do not trust, use a container.

The tests come from `question.metadata`:

    tests          a program, or a list of statements; without it the gold answer is the test program
    entry_point    the function that HumanEval's `check(candidate)` is called with
    setup          statements before the tests
    prompt         the head of the program, put before an answer that does not define `entry_point` itself

A program passes when the tests ran to their end: they sign their end with a secret that the program is not given, so
leaving early is no pass. A program that is out to cheat still can (operators that call everything equal, for one).
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.errors import ConfigError, DataError
from router_r1.questions import Question
from router_r1_reward.errors import ScorerError

log = logging.getLogger("router_r1_reward.programs")

PERMISSION = "ROUTER_R1_ALLOW_CODE"
_SCRIPT = Path(__file__).with_name("programs_worker.py")
_FENCE = re.compile(
    r"^```[ \t]*(?:python|py|python3)?[ \t]*\r?\n(.*?)^```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class RunLimits:
    """What one run may use."""

    cpu_s: int = 10
    wall_s: float = 30.0
    memory_bytes: int = 2**30
    file_bytes: int = 2**20
    open_files: int = 64
    processes: int = 0


DEFAULT_LIMITS = RunLimits()


def require_permission(allow_code: bool = False) -> None:
    """Raises `ConfigError` unless programs may be run."""
    if not allow_code and os.environ.get(PERMISSION) != "1":
        raise ConfigError(
            f"the metric 'code' runs programs that a model wrote, on this machine and without a real sandbox; "
            f"if you want that, set {PERMISSION}=1 or allow_code=True"
        )


def passes(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the program in the answer passes the tests. Permission is the caller's business (`metrics.grade`).

    Raises:
        DataError: the tests are no program.
        ScorerError: the run could not be started.
    """
    metadata = question.metadata if question is not None else {}
    return float(run(program_of(answer, metadata), tests_of(gold, metadata)))


def program_of(answer: str, metadata: Mapping[str, Any]) -> str:
    """The program in an answer: the last fenced block that defines the entry point, else the first block, else all of it."""
    name = metadata.get("entry_point")
    defines = re.compile(rf"^\s*(?:async\s+)?def\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", re.MULTILINE) if name else None  # fmt: skip
    blocks: list[str] = _FENCE.findall(answer)
    program = answer
    if blocks:
        fitting = [block for block in blocks if defines and defines.search(block)]
        program = fitting[-1] if fitting else blocks[0]
    prompt = metadata.get("prompt")
    if prompt and defines and not defines.search(program):
        return f"{prompt}{program}"
    return program


def tests_of(gold: str, metadata: Mapping[str, Any]) -> str:
    """The test program."""
    tests = metadata.get("tests", gold)
    if not isinstance(tests, str):
        tests = "\n".join(tests)
    if metadata.get("entry_point") and "def check(" in tests:
        tests = f"{tests}\ncheck({metadata['entry_point']})"
    return f"{metadata.get('setup', '')}\n{tests}"


def run(program: str, tests: str, limits: RunLimits = DEFAULT_LIMITS) -> bool:
    """Run a program and then its tests in one fresh interpreter; True if the tests ran to their end."""
    secret = secrets.token_hex(16)
    order = {"program": program, "tests": tests, "secret": secret, "limits": vars(limits)}
    with tempfile.TemporaryDirectory(prefix="router-r1-") as folder:
        command = [*isolation(), sys.executable, "-I", "-X", "utf8", str(_SCRIPT)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(json.dumps(order).encode(), timeout=limits.wall_s)
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
        finally:
            _end(process)
    verdicts = said.split(b"\n")
    if b"bad tests" in verdicts:
        raise DataError(f"the tests are no Python program: {tests[:80]!r}; correct the question")
    if b"ready" not in verdicts:
        raise ScorerError(
            f"the program could not be run: the interpreter ended with status {process.returncode} before it began"
        )
    return secret.encode() in verdicts


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.wait()


@functools.cache
def isolation() -> tuple[str, ...]:
    """The command that puts a run into namespaces of its own, without network; empty where that is not permitted."""
    tool = shutil.which("unshare")
    if tool is not None:
        apart = (tool, "--net", "--pid", "--fork", "--kill-child")
        for command in (apart, (*apart, "--user", "--map-root-user")):
            tried = subprocess.run(
                [*command, sys.executable, "-I", "-c", ""], capture_output=True, check=False
            )
            if tried.returncode == 0:
                return command
    log.warning(
        "programs run with access to the network: `unshare` is missing or not permitted here; use a container without network"
    )
    return ()
