"""Where a program runs: a process that can do no harm. Plain system calls of Linux, nothing to install, no privilege needed.

`enter` is called once, before the process forks; `seal` by each process after that, and never undone. Three layers:

    file system   "namespaces": a tree of its own, of Python and the system's libraries, read-only, and one empty folder
                  in memory with a limit on its size; no other process and no network to be seen.
                  "landlock": the same paths in the tree of the machine, for where namespaces are not permitted.
    system calls  a filter: no new process and no other program, no socket but a pair within the process,
                  no signal to and no look into another process, no namespaces, no io_uring, bpf, keys, shared memory.
                  One process has one limit on memory and on processor time, so these hold for the whole run.
    privileges    no capability is left, none can be gained; limits on processor time, memory, file size, open files, threads.

The third way, "nothing", sets the limits only.

What it is not: a virtual machine. A hole in the kernel that an allowed system call reaches is a way out; programs share
caches and the clock with everything else. With "landlock" a program can also find out whether a path exists, what it
writes into its folder is bounded by its processor time only, and so are the threads of an ordinary user's programs (and of
root's without CAP_SETUID), besides by memory and by what the account may have. Run by its path, so it imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import struct
import sys
from collections.abc import Iterable, Mapping

HOW = ("namespaces", "landlock", "nothing")
"""The ways to confine a program, the best first."""

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/nix/store", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_FOLDER = "/answer"


class SandboxError(OSError):
    """A layer is not to be had on this machine; says which."""


def readable(python: Iterable[str]) -> list[str]:
    """What a program may read: the system's libraries and the folders of Python, by all their names; no path inside another."""
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
    """With "namespaces", move this process into its own tree; what it forks sees no other process. Threads are counted apart.

    Args:
        how: one of `HOW`.
        paths: what may be read (`readable`).
        folder_bytes: size of the folder that may be written; it becomes the working folder.

    Raises:
        SandboxError: not permitted here.
    """
    if how != "nothing" and os.geteuid() == 0:
        _count_apart()
    if how != "namespaces":
        return
    _unshare()
    _own_tree(os.getcwd(), paths, folder_bytes)


def seal(
    how: str, paths: Iterable[str], limits: Mapping[str, int], signals: Iterable[int] = ()
) -> None:
    """Give up what this process must not have. There is no way back.

    Args:
        how: one of `HOW`.
        paths: what may be read (`readable`); the working folder may be written.
        limits: `cpu_s`, `memory_bytes`, `file_bytes`, `open_files`, `threads`.
        signals: processes, besides this one, that it may send signals to.

    Raises:
        SandboxError: not permitted here.
    """
    bounds = [
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ]
    if how == "namespaces" or os.getuid() != os.geteuid():  # else all of the user's threads count
        bounds.append((resource.RLIMIT_NPROC, limits["threads"]))
    for kind, value in bounds:
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
    if how == "nothing":
        return
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if how == "landlock":
        _landlock(paths)
    _call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    _filter_system_calls((os.getpid(), *signals), changes=how != "landlock")


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _count_apart() -> None:
    """Root: take a real user id that nobody has. The kernel counts threads by that id, and root's not at all; files go by the effective one.

    Of an ordinary user, it counts those of each user namespace apart. A root that may not change its id stays uncounted.
    """
    with open("/proc/self/uid_map") as file:
        first, _, length = map(int, file.readlines()[-1].split())
    with contextlib.suppress(SandboxError):
        _call("setresuid", first + length - 1 - os.getpid() % length, -1, -1)
        os.chmod(".", 0o770)  # `os.access` asks with the real id; the group is the same


# --- system calls

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CAPABILITY_VERSION_3 = 0x20080522


def _call(name: str, *arguments: object) -> int:
    """A function of the C library by its name, or `syscall` with a number first; integers are passed as longs."""
    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, name, None)
    if function is None:
        raise SandboxError(errno.ENOSYS, f"{sys.platform} has no {name}")
    result = function(*(ctypes.c_long(x) if isinstance(x, int) else x for x in arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise SandboxError(code, f"{name}: {os.strerror(code)}")
    return int(result)


# --- namespaces

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER = 0x20000, 0x8000000, 0x10000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 1
_MOST_FILES = 4096


def _unshare() -> None:
    flags = _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", flags | _CLONE_NEWUSER)
    except SandboxError:
        if user != 0:
            raise
        _call("unshare", flags)  # root needs no user namespace
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


def _own_tree(root: str, paths: Iterable[str], folder_bytes: int) -> None:
    """Build the tree in a file system in memory over the folder `root`, make it the root, forget the old one."""
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    _mount_memory(root, f"size=1m,nr_inodes={_MOST_FILES},mode=755")
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
    _mount_memory(root + _FOLDER, f"size={folder_bytes},nr_inodes={_MOST_FILES},mode=770")
    os.chdir(root)
    _call("syscall", _numbers()["pivot_root"], b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir(_FOLDER)


def _make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)


def _mount_memory(path: str, options: str) -> None:
    _call("mount", b"tmpfs", path.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, options.encode())


def _bind(path: str, target: str) -> None:
    _make_parent(target)
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _call("mount", path.encode(), target.encode(), None, _MS_BIND | _MS_REC, None)


def _read_only(path: str) -> None:
    """This mount and all below it; devices can still be written."""
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    _call(
        "syscall", _SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, len(attributes)
    )  # fmt: skip


# --- Landlock: https://docs.kernel.org/userspace-api/landlock.html

_SYS_LANDLOCK = {"create_ruleset": 444, "add_rule": 445, "restrict_self": 446}
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1  # those of the first version
_SPECIAL = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)  # devices, sockets, pipes


def _landlock(paths: Iterable[str]) -> None:
    version = _call("syscall", _SYS_LANDLOCK["create_ruleset"], None, 0, 1)
    handled = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        handled |= right if version >= since else 0
    attributes = struct.pack("=Q", handled)
    ruleset = _call("syscall", _SYS_LANDLOCK["create_ruleset"], attributes, len(attributes), 0)
    own = handled & ~(_EXECUTE | _IOCTL_DEVICE | _SPECIAL)
    rules = [(path, _READ_FILE | _READ_DIR) for path in paths]
    rules += [(path, _READ_FILE | _WRITE_FILE) for path in _DEVICES if os.path.exists(path)]
    for path, rights in (*rules, (os.getcwd(), own)):
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE_FILE
        below = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, below)
        _call("syscall", _SYS_LANDLOCK["add_rule"], ruleset, 1, rule, 0)
        os.close(below)
    _call("syscall", _SYS_LANDLOCK["restrict_self"], ruleset, 0)
    os.close(ruleset)


# --- the filter of system calls: https://docs.kernel.org/userspace-api/seccomp_filter.html

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_Row = tuple[int, int | None]
"""Number of a system call on x86_64, on aarch64."""
_X32_BIT = 0x40000000
_FIRST_UNKNOWN = 450  # system calls younger than this list: programs get by without
_DENIED: dict[str, _Row] = {
    # a new process, another program, leaving the process group
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "setsid": (112, 157), "setpgid": (109, 154),
    # the network; asyncio needs a pair of sockets, which has no address
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "setpriority": (141, 140), "ioprio_set": (251, 30),
    # parts of the kernel that a program has no use for
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (206, 0),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "openat2": (437, 437),
    # a lock on a file that may only be read; the user whose threads are counted
    "flock": (73, 32), "setuid": (105, 146), "setreuid": (113, 145), "setresuid": (117, 147),
    # what outlives a process
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189), "semget": (64, 190),
    "semop": (65, 193), "mq_open": (240, 180),
}  # fmt: skip
_CHANGES: dict[str, _Row] = {  # of what a file is, not of what it holds: Landlock does not know them
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
    "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88),
    "futimesat": (261, None), "truncate": (76, 45),
}  # fmt: skip
_WATCHED: dict[str, _Row] = {  # allowed with some arguments
    "clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "fcntl": (72, 25), "prctl": (157, 167), "ioctl": (16, 29), "sendto": (44, 206), "open": (2, None), "openat": (257, 56), "pivot_root": (155, 41),
}  # fmt: skip

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_CLONE_THREAD = 0x10000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE = 8, 10, 15, 1024
# Is it a terminal, and how large; bytes to read; blocking or not; close on exec or not. Others send signals, or change what a file is.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_O_ACCMODE = 3

_Step = tuple[int, int, int, int]
"""One instruction: code, how far to jump if true, if false, operand."""


def _numbers() -> dict[str, int]:
    """Names of system calls to their numbers on this processor, where it has them."""
    column = _architecture()[1]
    rows = {**_DENIED, **_CHANGES, **_WATCHED}
    return {name: number for name, row in rows.items() if (number := row[column]) is not None}


def _architecture() -> tuple[int, int]:
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise SandboxError(errno.ENOSYS, f"no filter of system calls for {machine}")
    return _ARCHITECTURES[machine]


def _filter_system_calls(pids: Iterable[int], changes: bool) -> None:
    steps = _steps(tuple(pids), changes)
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(steps), ctypes.addressof(held))
    _call("prctl", _PR_SET_SECCOMP, 2, program, 0, 0)


def _steps(pids: tuple[int, ...], changes: bool) -> list[_Step]:
    """The filter. Each rule leaves the number of the call loaded, or returns."""
    audit, _ = _architecture()
    numbers = _numbers()
    own = pids[:1]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        (_AT_LEAST, 0, 1, _FIRST_UNKNOWN),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
    ]
    for name in (*_DENIED, *(() if changes else _CHANGES)):
        if name in numbers:
            steps += [(_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, _ERROR | errno.EPERM)]
    steps += [(_EQUAL, 0, 1, numbers["clone3"]), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]

    steps += _rule(numbers["clone"], [(_ANY_BIT, 0, 1, _CLONE_THREAD), _OK, _NO], argument=0)
    for name in ("kill", "tgkill"):
        steps += _rule(numbers[name], _one_of(pids), argument=0)
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):  # fmt: skip
        steps += _rule(numbers[name], _one_of((0, *own)), argument=0)
    steps += _rule(
        numbers["fcntl"], _none_of((_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE)), argument=1
    )
    steps += _rule(numbers["prctl"], _none_of((_PR_SET_PDEATHSIG,)), argument=0)
    steps += _rule(numbers["ioctl"], _one_of(_IOCTLS), argument=1)
    no_address = [(_EQUAL, 1, 0, 0), _NO, (_LOAD, 0, 0, _offset(4) + 4), (_EQUAL, 1, 0, 0), _NO, _OK]  # fmt: skip
    steps += _rule(numbers["sendto"], no_address, argument=4)
    # Opened for reading and emptied all the same: the first versions of Landlock let that pass.
    empties = [(_ANY_BIT, 1, 0, os.O_TRUNC), _OK, (_AND, 0, 0, _O_ACCMODE), (_EQUAL, 0, 1, 0), _NO, _OK]  # fmt: skip
    for name, argument in (("open", 1), ("openat", 2)):
        if name in numbers:
            steps += _rule(numbers[name], empties, argument=argument)
    return [*steps, _OK]


_OK: _Step = (_RETURN, 0, 0, _ALLOW)
_NO: _Step = (_RETURN, 0, 0, _ERROR | errno.EPERM)


def _offset(argument: int) -> int:
    """Of the low half of an argument."""
    return 16 + 8 * argument


def _rule(number: int, test: list[_Step], argument: int) -> list[_Step]:
    """If it is this call, load the argument and decide; `test` returns on every path."""
    return [
        (_EQUAL, 0, len(test) + 1, number),
        (_LOAD, 0, 0, _offset(argument)),
        *test,
    ]


def _one_of(values: Iterable[int]) -> list[_Step]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _OK)] + [_NO]


def _none_of(values: Iterable[int]) -> list[_Step]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _NO)] + [_OK]
