"""Confines the current process, so that a program in it can do no harm. Needs Linux, but no privileges.

`enter` is called once, before the process forks; `enter_folder` and `seal` by each process after that, permanently.
Three layers:

    file system   "namespaces": a file system of its own with Python and the system's libraries, read-only, and one
                  empty folder in memory of limited size; other processes and the network are invisible.
                  "landlock": the same paths in the file system of the machine, where namespaces are not permitted.
    system calls  a seccomp filter (`seccomp_filter.py`): no new process, no other program, no socket except a pair
                  within the process, no signal to and no access to another process, no namespaces, io_uring, bpf,
                  keys, shared memory. As a program stays one process, its limits on memory and processor time hold
                  for the whole run.
    privileges    no capability is left and none can be gained; limits on processor time, memory, file size, open
                  files, threads.

The third method, "nothing", only sets the limits.

This is not a virtual machine. A kernel bug that a permitted system call reaches is a way out, and programs share caches
and the clock with everything else. With "landlock", a program can also find out whether a path exists, and only its
processor time limits how much it writes into its folder. Its number of threads is then bounded only by memory and the
limits of the account, if it runs as an ordinary user or as root without CAP_SETUID.

Imports nothing of the project except `seccomp_filter` and `system_calls`, because the worker is run by its path.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import sys
from collections.abc import Iterable, Mapping

from router_r1_reward.metrics.code import seccomp_filter
from router_r1_reward.metrics.code.system_calls import SandboxError, call, numbers

HOW = ("namespaces", "landlock", "nothing")
"""The methods of confining a program, best first."""

FOLDERS = ("tests", "program")
"""Names of the folders of the two processes, without namespaces."""

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/nix/store", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_FOLDER = "/answer"
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CAPABILITY_VERSION_3 = 0x20080522


def readable(python: Iterable[str]) -> list[str]:
    """The paths that a program may read: the system's libraries and Python's folders, as named and resolved.

    No path is inside another.
    """
    wanted = {
        name for path in (*_SYSTEM, *python) if os.path.exists(path) for name in _names_of(path)
    }
    return [
        path
        for path in sorted(wanted)
        if not any(path != other and path.startswith(f"{other}/") for other in wanted)
    ]


def _names_of(path: str) -> tuple[str, ...]:
    return (path,) if path in _SYSTEM else (os.path.abspath(path), os.path.realpath(path))


def enter(how: str, paths: Iterable[str], folder_bytes: int) -> None:
    """With "namespaces", move this process into a file system of its own.

    Root also gets a real user id of its own, so that the kernel counts and limits its threads.

    Args:
        how: one of `HOW`.
        paths: the paths that may be read (`readable`).
        folder_bytes: size of the writable folder, which becomes the working folder.

    Raises:
        SandboxError: not permitted on this machine.
    """
    if how != "nothing" and os.geteuid() == 0:
        _count_threads_separately()
    if how != "namespaces":
        return
    _unshare()
    _own_file_system(os.getcwd(), paths, folder_bytes)


def enter_processes(how: str) -> None:
    """With "namespaces", continue in a child that is the first process of a process namespace, while this one waits.

    A process whose children are in another process namespace cannot start threads, so the tests' process has none.

    Raises:
        SandboxError: not permitted on this machine.
    """
    if how != "namespaces":
        return
    call("unshare", _CLONE_NEWPID)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    end_with_parent()


def enter_folder(how: str, name: str, folder_bytes: int) -> None:
    """Give this process, after the fork, a writable working folder that the other process does not see or write.

    With "namespaces" the tests' process moves into a mount namespace, where its own folder lies over the program's.
    Otherwise the two folders are beside each other, and `seal` permits each process its own.

    Args:
        how: one of `HOW`.
        name: one of `FOLDERS`.
        folder_bytes: size of the folder.

    Raises:
        SandboxError: not permitted on this machine.
    """
    if how != "namespaces":
        os.mkdir(name, 0o770)
        os.chmod(name, 0o770)  # whatever the umask is
        os.chdir(name)
    elif name == "tests":
        call("unshare", _CLONE_NEWNS)
        _mount_memory(_FOLDER, _folder_options(folder_bytes))
        os.chdir(_FOLDER)


def seal(
    how: str, paths: Iterable[str], limits: Mapping[str, int], signals: Iterable[int] = ()
) -> None:
    """Confine this process permanently.

    Args:
        how: one of `HOW`.
        paths: the paths that may be read (`readable`); the working folder may be written.
        limits: `cpu_s`, `memory_bytes`, `file_bytes`, `open_files`, `threads`.
        signals: ids of the processes, besides this one, that it may send signals to.

    Raises:
        SandboxError: not permitted on this machine.
    """
    bounds = [
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ]
    if (
        how == "namespaces" or os.getuid() != os.geteuid()
    ):  # otherwise the limit would count all threads of the user
        bounds.append((resource.RLIMIT_NPROC, limits["threads"]))
    for kind, value in bounds:
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
    if how == "nothing":
        return
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if how == "landlock":
        _landlock(paths)
    call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    seccomp_filter.install((os.getpid(), *signals), changes=how != "landlock")


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _count_threads_separately() -> None:
    """If root, take an unused real user id, by which the kernel counts threads (it does not count root's); file access
    uses the effective id.

    The threads of an ordinary user are counted separately in each user namespace. Root without the right to change its
    id stays uncounted.
    """
    with open("/proc/self/uid_map") as file:
        first, _, length = map(int, file.readlines()[-1].split())
    with contextlib.suppress(SandboxError):
        call("setresuid", first + length - 1 - os.getpid() % length, -1, -1)
        os.chmod(".", 0o770)  # `os.access` checks the real id; the group is the same


# --- namespaces

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER = 0x20000, 0x8000000, 0x10000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 1
_MAX_FILES = 4096


def _unshare() -> None:
    flags = _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWNET
    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", flags | _CLONE_NEWUSER)
    except SandboxError:
        if user != 0:
            raise
        call("unshare", flags)  # root needs no user namespace
        return
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        try:
            with open(f"/proc/self/{file}", "w") as out:
                out.write(line)
        except OSError as error:
            raise SandboxError(error.errno, f"/proc/self/{file}: {error.strerror}") from error


def _own_file_system(root: str, paths: Iterable[str], folder_bytes: int) -> None:
    """Build a file system in memory over the folder `root`, make it the root and detach the old one.

    Args:
        root: an empty folder.
        paths: the paths that are bound into it, read-only.
        folder_bytes: size of its writable folder.
    """
    call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    _mount_memory(root, f"size=1m,nr_inodes={_MAX_FILES},mode=755")
    for path in (*paths, *_DEVICES):
        if os.path.islink(path):
            _make_parent(root + path)
            os.symlink(os.readlink(path), root + path)
        elif os.path.exists(path):
            _bind(path, root + path)
    os.mkdir(root + _FOLDER)
    if not os.path.exists(f"{root}/tmp"):
        os.symlink(_FOLDER, f"{root}/tmp")
    _read_only(root)
    _mount_memory(root + _FOLDER, _folder_options(folder_bytes))
    os.chdir(root)
    call("syscall", numbers()["pivot_root"], b".", b".")
    call("umount2", b".", _MNT_DETACH)
    os.chdir(_FOLDER)


def _folder_options(folder_bytes: int) -> str:
    return f"size={folder_bytes},nr_inodes={_MAX_FILES},mode=770"


def _make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)


def _mount_memory(path: str, options: str) -> None:
    call("mount", b"tmpfs", path.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, options.encode())


def _bind(path: str, target: str) -> None:
    _make_parent(target)
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    call("mount", path.encode(), target.encode(), None, _MS_BIND | _MS_REC, None)


def _read_only(path: str) -> None:
    """Make this mount and all below it read-only; devices stay writable."""
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    call(
        "syscall", _SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, len(attributes)
    )  # fmt: skip


# --- Landlock: https://docs.kernel.org/userspace-api/landlock.html

_SYS_LANDLOCK = {"create_ruleset": 444, "add_rule": 445, "restrict_self": 446}
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1  # of the first version of Landlock
_SPECIAL = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)  # devices, sockets, pipes


def _landlock(paths: Iterable[str]) -> None:
    version = call("syscall", _SYS_LANDLOCK["create_ruleset"], None, 0, 1)
    handled = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        handled |= right if version >= since else 0
    attributes = struct.pack("=Q", handled)
    ruleset = call("syscall", _SYS_LANDLOCK["create_ruleset"], attributes, len(attributes), 0)
    own = handled & ~(_EXECUTE | _IOCTL_DEVICE | _SPECIAL)
    rules = [(path, _READ_FILE | _READ_DIR) for path in paths]
    rules += [(path, _READ_FILE | _WRITE_FILE) for path in _DEVICES if os.path.exists(path)]
    for path, rights in (*rules, (os.getcwd(), own)):
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE_FILE
        below = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, below)
        call("syscall", _SYS_LANDLOCK["add_rule"], ruleset, 1, rule, 0)
        os.close(below)
    call("syscall", _SYS_LANDLOCK["restrict_self"], ruleset, 0)
    os.close(ruleset)
