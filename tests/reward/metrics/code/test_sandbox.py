"""The confinement of programs: harm is prevented, resources are limited."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router_r1_reward.metrics.code.sandbox_runner import RunLimits, run

TESTS = "assert double(2) == 4\nassert double(5) == 10\n"

SHORT = RunLimits(cpu_s=1, wall_s=20)


# --- harm: each program passes its tests if it can do harm


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the folders of runs are made; must be empty after the test."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def processes(mark: str) -> list[int]:
    """Ids of the processes whose command line contains the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
    return found


HARM_CHECK = "def double(x): return 2 * x if harm else 0\n"

HARMS = {
    "fork": "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nharm = True",
    "fork bomb": "import os\nwhile True: os.fork()",
    "fork by hand": "import ctypes, os\npid = ctypes.CDLL(None).syscall(57)\nif pid == 0: os._exit(0)\nharm = pid > 0",
    "spawn": "import os\nharm = os.posix_spawn('/bin/true', ['true'], {}) > 0",
    "shell": "import subprocess\nharm = subprocess.run(['/bin/sh', '-c', 'true']).returncode == 0",
    "another program": "import os\nos.execv('/bin/sleep', ['sleep', '1000'])",
    "multiprocessing": "import multiprocessing\np = multiprocessing.get_context('spawn').Process(target=print); p.start(); p.join(); harm = p.exitcode == 0",
    "a daemon": "import os\nos.setsid()\nharm = True",
    "threads without end": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
    "10 GiB": "x = bytearray(10 * 2**30); harm = True",
    "10 GiB in pieces": "x = []\nfor _ in range(10 * 2**10): x.append(bytearray(2**20))\nharm = True",
    "10 GiB shared": "import mmap\nx = mmap.mmap(-1, 10 * 2**30); harm = True",
    "10 GiB in a file in memory": "import os\nfd = os.memfd_create('x'); os.truncate(fd, 10 * 2**30); harm = True",
    "System V memory": "import ctypes\nharm = ctypes.CDLL(None).shmget(0, 2**20, 0o1600) >= 0",
    "endless loop": "while True: pass",
    "endless loop of C": "x = 10**10**10; harm = True",
    "waits for ever": "import ctypes, time, signal\nctypes.CDLL(None).prctl(1, 0)\nfor s in (1, 2, 13, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(1000)",
    "waits when called": "import time\ndef double(x): time.sleep(1000)\nharm = True",
    "prints without end": "while True: print('x' * 10**6)",
    "writes to the terminal": "open('/dev/tty', 'w').write('x'); harm = True",
    "a large file": "open('a', 'w').write('x' * 2**22); harm = True",
    "answers without end": "def double(x):\n    while True: yield x\nharm = True",
    "answers with 2 GiB": "def double(x): return 'x' * 2**31\nharm = True",
    "reads a secret": "harm = open('BAIT/secret').read() == 'secret'",
    "reads the home folder": "import os\nharm = len(os.listdir('HOME')) > 1  # Python may be in it",
    "lists what is outside": "import os\nharm = os.listdir('BAIT')",
    "a link to a secret": "import os\nos.symlink('BAIT/secret', 'a'); harm = open('a').read() == 'secret'",
    "a hard link to a secret": "import os\nos.link('BAIT/secret', 'a'); harm = True",
    "up from its folder": "import os\nharm = open('../' * 20 + 'BAIT/secret').read() == 'secret'",
    "other processes": "import os\nharm = [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 2]",
    "the environment of the parent": "harm = open('/proc/PARENT/environ').read()",
    "writes outside": "open('BAIT/new', 'w').write('x'); harm = True",
    "a folder outside": "import os\nos.mkdir('BAIT/new'); harm = True",
    "overwrites": "open('BAIT/secret', 'w'); harm = True",
    "empties": "import os\nos.truncate('BAIT/secret', 0); harm = True",
    "empties by opening": "import os\nos.open('BAIT/secret', os.O_RDONLY | os.O_TRUNC); harm = True",
    "removes": "import os\nos.unlink('BAIT/secret'); harm = True",
    "renames": "import os\nos.rename('BAIT/secret', 'a'); harm = True",
    "changes rights": "import os\nos.chmod('BAIT/secret', 0o777); harm = True",
    "changes times": "import os\nos.utime('BAIT/secret', (0, 0)); harm = True",
    "changes attributes": "import os\nos.setxattr('BAIT/secret', 'user.x', b'x'); harm = True",
    "writes into Python": "import os\nopen(os.path.dirname(os.__file__) + '/zzz.py', 'w').write('x'); harm = True",
    "writes to memory of the machine": "open('/dev/shm/zzz', 'w').write('x'); harm = True",
    "changes the kernel": "open('/proc/sys/kernel/core_pattern', 'w').write('x'); harm = True",
    "connects": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 5); harm = True",
    "sends a packet": "import socket\ns = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', PORT)); harm = True",
    "listens": "import socket\nsocket.create_server(('127.0.0.1', 0)); harm = True",
    "a socket file": "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM); a.sendto(b'x', 'BAIT/socket'); harm = True",
    "a packet from a pair": "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM); a.connect('BAIT/socket'); harm = True",
    "asks for names": "import socket\nharm = socket.getaddrinfo('example.com', 80)",
    "kills the parent": "import os\nos.kill(PARENT, 9); harm = True",
    "kills its parent": "import os\nos.kill(os.getppid(), 9); harm = True",
    "kills all": "import os\nos.kill(-1, 9); harm = True",
    "kills the group": "import os\nos.killpg(0, 15); harm = True",
    "a signal by hand": "import ctypes\nl = ctypes.CDLL(None)\nharm = max(l.syscall(200, PARENT, 0), l.syscall(234, PARENT, PARENT, 0), l.syscall(129, PARENT, 10, bytes(128)), l.syscall(434, PARENT, 0)) >= 0",
    "a signal by a pipe": "import fcntl, os\nr, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETOWN, PARENT); harm = True",
    "limits of the parent": "import resource\nresource.prlimit(PARENT, resource.RLIMIT_CORE, (0, 0)); harm = True",
    "more for itself": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1)); harm = True",
    "debugs the parent": "import ctypes\nharm = ctypes.CDLL(None).ptrace(16, PARENT, 0, 0) == 0",
    "reads the parent's memory": "import ctypes, struct\nlibc = ctypes.CDLL(None, use_errno=True)\nb = ctypes.create_string_buffer(8)\n"
    "iov = struct.pack('PN', ctypes.addressof(b), 8)\nharm = libc.process_vm_readv(PARENT, iov, 1, iov, 1, 0) >= 0 or ctypes.get_errno() == 14",
    "a namespace": "import ctypes\nharm = ctypes.CDLL(None).unshare(0x10020000) == 0",
    "a mount": "import ctypes\nharm = ctypes.CDLL(None).mount(b'none', b'/', b'tmpfs', 0, None) == 0",
    "another root": "import os\nos.chroot('.'); harm = True",
    "another user": "import os\nos.setuid(12345); harm = os.getuid() == 12345 != INITIAL",
    "a device": "import os, stat\nos.mknod('sda', 0o600 | stat.S_IFBLK, os.makedev(8, 0)); harm = True",
    "system calls of another kind": "import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39); harm = True",
    "another real user": "import os\nos.setreuid(os.geteuid(), -1); harm = True  # the threads of root are not counted",
    "io_setup": "import ctypes, os\nharm = ctypes.CDLL(None).syscall(206 if os.uname().machine == 'x86_64' else 0, 1, bytes(8)) == 0",
    "locks a file of Python": "import fcntl, os\nfcntl.flock(open(os.__file__), fcntl.LOCK_EX | fcntl.LOCK_NB); harm = True",
    "a lease on a file of Python": "import fcntl, os\nfcntl.fcntl(open(os.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK); harm = True",
    "io_uring, bpf, keys": "import ctypes\nl = ctypes.CDLL(None)\nharm = max(l.syscall(425, 1, bytes(120)), l.syscall(321, 0, bytes(120), 120), l.syscall(250, 0, -3, 1)) >= 0",
    "deep folders": "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')",
    "folders without rights": "import os\nos.mkdir('d', 0); open('e', 'w').close()",
}  # fmt: skip


@pytest.mark.parametrize("name", HARMS)
def test_harm_is_prevented(name: str, how: str, runs: Path, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.mkdir()
    secret = bait / "secret"
    secret.write_text("secret")
    before = secret.stat()
    limits = RunLimits(cpu_s=1, wall_s=3 + time.time() % 1)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:  # fmt: skip
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        program = (
            "harm = False\n"
            + HARMS[name]
            + "\n"
            + ("" if "def double" in HARMS[name] else HARM_CHECK)
        )
        for word, value in (("BAIT", bait), ("HOME", Path.home()), ("PARENT", os.getpid()), ("PORT", port), ("INITIAL", os.getuid())):  # fmt: skip
            program = program.replace(word, str(value))
        tests = f"list(double(2))\n{TESTS}" if "yield" in program else TESTS
        start = time.monotonic()
        assert not run(program, tests, limits, how=how)
        assert time.monotonic() - start < 15
        tcp.settimeout(0.01)
        udp.settimeout(0.01)
        with pytest.raises(TimeoutError):
            tcp.accept()
        with pytest.raises(TimeoutError):
            udp.recv(1)
    after = secret.stat()
    assert os.listdir(bait) == ["secret"] and secret.read_text() == "secret"
    assert (after.st_mode, after.st_mtime, after.st_nlink, os.listxattr(secret)) == (
        before.st_mode,
        before.st_mtime,
        1,
        [],
    )
    while left := processes(str(limits.wall_s)):
        assert time.monotonic() - start < 20, left
        time.sleep(0.05)


THREADS = """
import ctypes
libc = ctypes.CDLL(None)
stacks = ctypes.create_string_buffer(1000 * 4096)
made = 0
while made < 1000 and libc.clone(libc.pause, ctypes.c_void_p(ctypes.addressof(stacks) + 4096 * (made + 1)), 0x50F00, None) > 0:
    made += 1
"""


def test_threads_are_limited_even_without_the_threading_module(how: str) -> None:
    if how == "landlock" and os.geteuid() != 0:
        pytest.skip("without a namespace the threads of an ordinary user are not limited")
    assert run(THREADS, "assert made > 100", how=how)
    assert run(THREADS, "assert made < 128", how=how)
    assert run(THREADS, "assert made < 16", RunLimits(threads=16), how=how)


def test_the_size_of_the_folder_is_limited(unavailable: dict[str, str]) -> None:
    if "namespaces" in unavailable:
        pytest.skip(unavailable["namespaces"])
    fill = "for n in range(1000):\n    with open(f'{n}', 'wb') as f: f.write(bytes(2**20))\n"
    limits = RunLimits(folder_bytes=2**23)
    assert not run(fill, "assert True", limits, how="namespaces")
    assert run(fill.replace("1000", "7"), "assert True", limits, how="namespaces")


def test_all_processes_end_when_the_caller_is_killed(how: str, tmp_path: Path) -> None:
    wall_s = 600 + time.time() % 1
    code = (
        "from router_r1_reward.metrics.code.sandbox_runner import RunLimits, run\n"
        f"run('import time; time.sleep(1000)', 'assert True', RunLimits(wall_s={wall_s}), how={how!r})"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)})  # fmt: skip
    deadline = time.monotonic() + 30
    while len([pid for pid in processes(str(wall_s)) if pid != caller.pid]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    while processes(str(wall_s)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- what a program can use


def probe(statement: str, limits: RunLimits = SHORT, how: str | None = None) -> bool:
    """Whether a statement runs without an error."""
    return run(statement, "assert True", limits, how=how)


def test_memory_is_limited() -> None:
    assert probe("x = bytearray(2**20)")
    assert not probe("x = bytearray(2**31)")


def test_files_are_limited_in_size_and_in_an_empty_folder(how: str) -> None:
    assert probe("import os; assert os.listdir() == []; open('a', 'w').write('x')", how=how)
    assert not probe("open('a', 'w').write('x' * 2**22)", how=how)


def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-123")
    assert probe("import os; assert 'SECRET_KEY' not in os.environ and 'HOME' not in os.environ")


def test_standard_input_is_empty() -> None:
    assert not run("input()", TESTS, SHORT)


def test_no_privilege_is_left(how: str) -> None:
    assert probe(
        "import ctypes, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "held = ctypes.create_string_buffer(24)\n"
        "assert libc.capget(struct.pack('=Ii', 0x20080522, 0), held) == 0 and held.raw == bytes(24)\n"
        "assert libc.prctl(39, 0, 0, 0, 0) == 1 and libc.prctl(21, 0, 0, 0, 0) == 2  # no new privileges, a filter",
        how=how,
    )


def test_with_namespaces_only_python_and_libraries_are_visible(unavailable: dict[str, str]) -> None:
    if "namespaces" in unavailable:
        pytest.skip(unavailable["namespaces"])
    assert probe(
        "import os\n"
        "assert os.getcwd() == '/answer' and os.getpid() == 1 and not os.path.exists('/proc')\n"
        "assert set(os.listdir('/dev')) <= {'null', 'zero', 'random', 'urandom'} and set(os.listdir('/etc')) <= {'ld.so.cache'}\n"
        f"assert not os.path.exists({__file__!r})",
        how="namespaces",
    )
