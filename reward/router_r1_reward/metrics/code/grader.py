"""Does a program pass its tests? The program runs confined, in a process that the tests are not in.

Running what a model wrote is off unless ROUTER_R1_ALLOW_CODE=1 is set or the caller says `allow_code=True`. Each run is two
fresh processes, forked from one bare interpreter: one for the program, one for the tests. Neither has an environment
variable of yours, network, a right to start processes, or files but Python's and one empty folder, and the kernel limits
time, memory and files (`sandbox.py` says how, and what it is not). Where the machine permits no such sandbox nothing
is run, unless ROUTER_R1_ALLOW_CODE=unconfined, and then a warning says so.

The program can not pass by patching, ending or reading what tests it: no line of it runs there. Its functions are
called from the process of the tests, and answer with plain data (`rpc_server.py`). What remains is an answer that
the tests themselves accept. Tests therefore can not look behind the border: they can not catch what a function prints, patch
its globals, or subclass its classes. `router-r1 reward validate` finds questions whose tests do.

The tests come from `question.metadata`:

    tests          a program, or a list of statements; without it the gold answer is the test program
    entry_point    the function that HumanEval's `check(candidate)` is called with
    setup          statements before the tests
    prompt         the head of the program, put before an answer that does not define `entry_point` itself; the tests take
                   its other functions from here, and not from the program

A program passes when the tests, which run as the main module, came to their end or left with status 0 (`unittest.main()`), and
reached an assertion or called the program.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import logging
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward.errors import ScorerError
from router_r1_reward.metrics.code import sandbox

log = logging.getLogger("router_r1_reward.metrics.code.grader")

PERMISSION = "ROUTER_R1_ALLOW_CODE"
UNCONFINED = "unconfined"
_SCRIPT = Path(__file__).with_name("sandbox_worker.py")
_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_SPARE_S = 10.0  # what a run may take beyond `wall_s` before it is ended from here


@dataclass(frozen=True)
class RunLimits:
    """What one run may use. The program and the tests are a process each, and each has these limits."""

    cpu_s: int = 10
    """Seconds of processor time."""
    wall_s: float = 30.0
    """Seconds on the clock."""
    memory_bytes: int = 2**30
    """Address space; the stacks of threads count."""
    file_bytes: int = 2**20
    """Size of one file."""
    open_files: int = 64
    """Files open at a time."""
    threads: int = 128
    """Threads at a time, of both processes together. An ordinary user's are not counted with Landlock."""
    folder_bytes: int = 2**26
    """Size of all files together, which lie in memory. With Landlock they lie on the disk, and this is not enforced."""


DEFAULT_LIMITS = RunLimits()


def require_permission(allow_code: bool = False) -> None:
    """Raises `ConfigError` unless programs may be run."""
    if not allow_code and os.environ.get(PERMISSION) not in ("1", UNCONFINED):
        raise ConfigError(
            f"the metric 'code' runs programs that a model wrote, on this machine; if you want that, set {PERMISSION}=1, "
            f"allow_code=True, or the option --allow-code"
        )


def passes(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the program in the answer passes the tests. Permission is the caller's business (`metrics.grade`).

    Raises:
        ConfigError: this machine permits no sandbox.
        DataError: the tests are no program, or one that tests nothing.
        ScorerError: the run could not be started.
    """
    metadata = question.metadata if question is not None else {}
    return float(run(program_of(answer, metadata), tests_of(gold, metadata)))


def program_of(answer: str, metadata: Mapping[str, Any]) -> str:
    """The program in an answer: the last fenced block that defines the entry point, else the first one that is Python, else all of it.

    What the prompt gives beside the entry point is put before it, and all of the prompt where the answer goes on from there.
    """
    name = metadata.get("entry_point")
    defines = re.compile(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*=", re.MULTILINE) if name else None  # fmt: skip
    blocks: list[str] = _FENCE.findall(answer)
    program = answer
    if blocks:
        fitting = [block for block in blocks if defines and defines.search(block)]
        program = fitting[-1] if fitting else next(filter(_is_python, blocks), blocks[0])
    prompt = metadata.get("prompt")
    if not prompt or not defines:
        return program
    if not defines.search(program):
        return f"{prompt}{program}"
    return program if "from __future__" in program else f"{_given(prompt, name)}\n{program}"


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def tests_of(gold: str, metadata: Mapping[str, Any]) -> str:
    """The test program: what the prompt defines besides the entry point, the setup, the tests."""
    tests = metadata.get("tests", gold)
    if not isinstance(tests, str):
        tests = "\n".join(tests)
    name = metadata.get("entry_point")
    if name and "def check(" in tests:
        tests = f"{tests}\ncheck({name})"
    given = _given(metadata.get("prompt") or "", name)
    return "\n".join(part for part in (given, metadata.get("setup"), tests) if part)


def _given(prompt: str, entry_point: str | None) -> str:
    """The imports and functions of a prompt without its entry point; a prompt that is no program gives none."""
    for body in ("", "\n    pass"):  # it may end with the head of the function
        with contextlib.suppress(SyntaxError, ValueError):
            parts = ast.parse(f"{prompt}{body}").body
            kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef)
            given = [part for part in parts if isinstance(part, kinds) and getattr(part, "name", None) != entry_point]  # fmt: skip
            return "\n".join(map(ast.unparse, given))
    return ""


def run(
    program: str, tests: str, limits: RunLimits = DEFAULT_LIMITS, *, how: str | None = None
) -> bool:
    """Run a program, and its tests beside it; True if the tests ran to their end and tested something.

    Args:
        program, tests: Python.
        limits: what the run may use.
        how: one of `sandbox.HOW`; the best that this machine permits, when left out.

    Raises:
        ConfigError: this machine permits no sandbox.
        DataError: the tests are no program, or one that tests nothing.
        ScorerError: the run could not be started.
    """
    said, status = _start(how or isolation(), program, tests, limits)
    for line in said:
        if line == "bad tests":
            raise DataError(
                f"the tests are no Python program: {tests[:80]!r}; correct the question"
            )
        if line == "no tests":
            raise DataError(
                f"the tests test nothing: {tests[:80]!r} has no assertion and calls nothing; correct the question"
            )
        if line == "nothing tested":
            log.warning(
                "the tests ended and no assertion was reached, nor the program called, which does not pass them; "
                "the tests should call what they define: %r",
                tests[:80],
            )
        if line.startswith("cannot cross: "):
            log.warning(
                "the tests hand over what can not reach a program, which does not pass them: %s",
                line,
            )
    if "ready" not in said:
        raise ScorerError(
            f"the program could not be run: the interpreter ended with status {status} before it began"
            f"{''.join(f' ({line})' for line in said)}"
        )
    return "passed" in said


@functools.cache
def isolation() -> str:
    """The best way of `sandbox.HOW` that works on this machine, found by trying.

    Raises:
        ConfigError: none does, and ROUTER_R1_ALLOW_CODE is not "unconfined".
    """
    reasons: list[str] = []
    for how in ("namespaces", "landlock"):
        said, status = _start(how, "x = 1", "assert x == 1", DEFAULT_LIMITS)
        if "passed" in said:
            if how == "landlock":
                log.warning(
                    "namespaces are not permitted here (%s): programs run under Landlock, see which paths exist, "
                    "and may fill the disk for as long as they run",
                    "; ".join(reasons),
                )
            return how
        reasons.append(f"{how}: {'; '.join(said) or f'ended with status {status}'}")
    if os.environ.get(PERMISSION) != UNCONFINED:
        raise ConfigError(
            f"this machine permits no sandbox for programs ({', '.join(reasons)}); it takes Linux with user namespaces, "
            f"root with CAP_SYS_ADMIN, or Landlock; if you trust the programs or the machine is nothing but their sandbox, "
            f"set {PERMISSION}={UNCONFINED}"
        )
    log.warning(
        "programs run with access to your files, to processes and to the network, under limits of time and memory only (%s)",
        ", ".join(reasons),
    )
    return "nothing"


def _start(how: str, program: str, tests: str, limits: RunLimits) -> tuple[list[str], int | None]:
    """One run: the lines that the worker said, and its exit status."""
    order = {"how": how, "limits": asdict(limits), **_python()}
    work = json.dumps({"program": program, "tests": tests}).encode()
    try:
        folder = tempfile.mkdtemp(prefix="router-r1-")
    except OSError as error:
        raise ScorerError(f"no folder for a program can be made: {error}") from error
    try:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_SCRIPT), json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise ScorerError(f"no process for a program can be started: {error}") from error
        try:
            said, _ = process.communicate(work, timeout=limits.wall_s + _SPARE_S)
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
        finally:
            _end(process)
    finally:
        _remove(folder)
    return said.decode(errors="replace").splitlines(), process.returncode


@functools.cache
def _python() -> dict[str, list[str]]:
    """Where Python and its packages lie: what a program may read, and what it may import from."""
    sites = [path for path in site.getsitepackages() if os.path.isdir(path)]
    return {"paths": sandbox.readable((sys.prefix, sys.base_prefix, *sites)), "sites": sites}  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def _remove(folder: str) -> None:
    """Remove the folder; `rm` gets to the bottom of one that is deeper than Python's recursion or a path goes."""
    try:
        os.rmdir(folder)  # it is empty where the program had a file system of its own
    except OSError:
        _force(folder)
        if os.path.exists(folder):
            log.warning("the folder of a run could not be removed: %s", folder)


def _force(folder: str) -> None:
    """Remove a folder that may hold folders which their owner may not enter. No link is followed."""
    if shutil.which("rm") and shutil.which("chmod"):
        for command in ("chmod", "-R", "u+rwx"), ("rm", "-rf"):
            subprocess.run([*command, "--", folder], check=False, capture_output=True)
        return
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inner = os.path.join(path, name)
            if not os.path.islink(inner):
                with contextlib.suppress(OSError):  # its path is too long
                    os.chmod(inner, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
