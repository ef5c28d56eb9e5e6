"""Starts the sandbox: runs a program and its tests in confined processes and reads the verdict.

Each run is two fresh processes, forked from one bare interpreter (`sandbox_worker.py`): one for the program, one for
the tests. Neither has the user's environment variables, network access, the right to start processes, or any files
except Python's and an empty folder of its own, and the kernel limits time, memory and files; `sandbox.py` has the
details and the limitations. Where a machine permits no such sandbox, nothing is run, unless
ROUTER_R1_ALLOW_CODE=unconfined, and then a warning says so.

A program cannot pass by patching, ending or reading its tests: no line of it runs in their process, and nothing that it
names or writes is imported or read there. The tests call its functions by RPC (`sandbox_rpc_server.py`). What remains
is an answer that the tests themselves accept. The price is that tests cannot catch what a function prints, patch the
program's globals, or subclass its classes. `router-r1 reward validate` finds questions whose tests do.

A program passes if the tests, which run as the main module, reach their end or leave by themselves with status 0
(`exit()`, `unittest.main()`), no suite of unittest failed, and they reached an assertion or called the program.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from router_r1.errors import ConfigError, DataError
from router_r1_reward.errors import ScorerError
from router_r1_reward.metrics.code import sandbox

log = logging.getLogger("router_r1_reward.metrics.code.sandbox_runner")

PERMISSION = "ROUTER_R1_ALLOW_CODE"
"""Environment variable that permits running programs: 1, or `UNCONFINED`."""
UNCONFINED = "unconfined"
"""Value of `PERMISSION` that permits running programs without a sandbox where the machine has none."""
_WORKER = Path(__file__).with_name("sandbox_worker.py")
_GRACE_S = 10.0  # the worker kills the run after `wall_s`; if it fails to, its caller does so this much later


@dataclass(frozen=True)
class RunLimits:
    """The limits of one run. The program and the tests are a process each, and each process has these limits."""

    cpu_s: int = 10
    """Processor time in seconds."""
    wall_s: float = 30.0
    """Wall-clock time in seconds."""
    memory_bytes: int = 2**30
    """Address space in bytes, stacks of threads included."""
    file_bytes: int = 2**20
    """Size of one file in bytes."""
    open_files: int = 64
    """Number of open files."""
    threads: int = 128
    """Number of threads of both processes together. With Landlock, the threads of an ordinary user are not limited."""
    folder_bytes: int = 2**26
    """Size of all files together in bytes, in memory. With Landlock the files are on disk, and this is not enforced."""


DEFAULT_LIMITS = RunLimits()


def run(
    program: str, tests: str, limits: RunLimits = DEFAULT_LIMITS, *, how: str | None = None
) -> bool:
    """Run a program and its tests in a sandbox. True if the tests ran to their end and tested something.

    Args:
        program: source of the program.
        tests: source of the tests.
        limits: the limits of the run.
        how: one of `sandbox.HOW`; by default the best that this machine permits.

    Raises:
        ConfigError: this machine permits no sandbox.
        DataError: the tests are not valid Python, or test nothing.
        ScorerError: the run could not be started.
    """
    verdict, status = _start(how or isolation(), program, tests, limits)
    for line in verdict:
        if line == "bad tests":
            raise DataError(f"the tests are not valid Python: {tests[:80]!r}; correct the question")
        if line == "no tests":
            raise DataError(
                f"the tests test nothing: {tests[:80]!r} has no assertion and no call; correct the question"
            )
        if line == "nothing tested":
            log.warning(
                "the tests ended without reaching an assertion or calling the program, which counts as failed; "
                "the tests should call what they define: %r",
                tests[:80],
            )
        if line.startswith("not sendable: "):
            log.warning(
                "the tests pass an object that cannot be sent to a program, which counts as failed: %s",
                line,
            )
    if "ready" not in verdict:
        raise ScorerError(
            f"the program could not be run: the interpreter ended with status {status} before it began"
            f"{''.join(f' ({line})' for line in verdict)}"
        )
    return "passed" in verdict


@functools.cache
def isolation() -> str:
    """The best of `sandbox.HOW` that works on this machine, found by trying.

    Raises:
        ConfigError: none works, and ROUTER_R1_ALLOW_CODE is not "unconfined".
    """
    reasons: list[str] = []
    for how in ("namespaces", "landlock"):
        verdict, status = _start(how, "x = 1", "assert x == 1", DEFAULT_LIMITS)
        if "passed" in verdict:
            if how == "landlock":
                log.warning(
                    "namespaces are not permitted here (%s): programs run under Landlock; they can see which paths exist, "
                    "and can fill the disk while they run",
                    "; ".join(reasons),
                )
            return how
        reasons.append(f"{how}: {'; '.join(verdict) or f'ended with status {status}'}")
    if os.environ.get(PERMISSION) != UNCONFINED:
        raise ConfigError(
            f"this machine permits no sandbox for programs ({', '.join(reasons)}); it needs Linux with user namespaces, "
            f"root with CAP_SYS_ADMIN, or Landlock; if you trust the programs or the machine is used for nothing else, set "
            f"{PERMISSION}={UNCONFINED}"
        )
    log.warning(
        "programs run with access to your files, processes and network, with limits on time and memory only (%s)",
        ", ".join(reasons),
    )
    return "nothing"


def _start(how: str, program: str, tests: str, limits: RunLimits) -> tuple[list[str], int | None]:
    """One run: the lines of the worker's verdict, and its exit status."""
    order = {"how": how, "limits": asdict(limits), **_python()}
    work = json.dumps({"program": program, "tests": tests}).encode()
    try:
        folder = tempfile.mkdtemp(prefix="router-r1-")
    except OSError as error:
        raise ScorerError(f"cannot make a folder for a program: {error}") from error
    try:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", str(_WORKER), json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise ScorerError(f"cannot start a process for a program: {error}") from error
        try:
            output, _ = process.communicate(work, timeout=limits.wall_s + _GRACE_S)
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
        finally:
            _kill(process)
    finally:
        _remove(folder)
    return output.decode(errors="replace").splitlines(), process.returncode


@functools.cache
def _python() -> dict[str, list[str]]:
    """The paths of Python and its packages: what a program may read, and where it may import from."""
    sites = [path for path in site.getsitepackages() if os.path.isdir(path)]
    return {"paths": sandbox.readable((sys.prefix, sys.base_prefix, *sites)), "sites": sites}  # fmt: skip


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.wait()


def _remove(folder: str) -> None:
    """Remove the folder. `rm` also removes one that is deeper than Python's recursion or the length of a path allow."""
    try:
        for name in sandbox.FOLDERS:
            with contextlib.suppress(
                FileNotFoundError
            ):  # the processes had a file system of their own
                os.rmdir(f"{folder}/{name}")
        os.rmdir(folder)
    except OSError:
        _force(folder)
        if os.path.exists(folder):
            log.warning("the folder of a run could not be removed: %s", folder)


def _force(folder: str) -> None:
    """Remove a folder, even if its owner may not enter folders in it. Follows no link."""
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
