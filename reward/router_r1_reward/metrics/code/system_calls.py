"""System calls of Linux: how to call them, their numbers, and which of them a confined program may not use.

`seccomp_filter.py` enforces the tables. Imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys


class SandboxError(OSError):
    """A layer of the sandbox is not available on this machine; the message says which."""


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library; integers are passed as longs.

    Args:
        name: the function; `syscall` for system calls that the library has no function for.
        arguments: its arguments; of `syscall`, the number first.

    Raises:
        SandboxError: there is no such function, or it failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, name, None)
    if function is None:
        raise SandboxError(errno.ENOSYS, f"{sys.platform} has no {name}")
    result = function(*(ctypes.c_long(x) if isinstance(x, int) else x for x in arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise SandboxError(code, f"{name}: {os.strerror(code)}")
    return int(result)


# Machine -> (its audit number in seccomp, its column in the tables below).
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_Row = tuple[int, int | None]
"""Number of a system call on x86_64 and on aarch64; None if it has none."""
DENIED: dict[str, _Row] = {
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
    # parts of the kernel that programs do not need
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (206, 0),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "openat2": (437, 437),
    # locks on files that are read-only; changes of the user whose threads are counted
    "flock": (73, 32), "setuid": (105, 146), "setreuid": (113, 145), "setresuid": (117, 147),
    # objects that outlive a process
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189), "semget": (64, 190),
    "semop": (65, 193), "mq_open": (240, 180),
}  # fmt: skip
"""Refused."""
CHANGES: dict[str, _Row] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None),
    "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88),
    "futimesat": (261, None), "truncate": (76, 45),
}  # fmt: skip
"""Changes of files' attributes, which Landlock does not restrict: refused where Landlock is the sandbox."""
CONDITIONAL: dict[str, _Row] = {
    "clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "fcntl": (72, 25), "prctl": (157, 167), "ioctl": (16, 29), "sendto": (44, 206), "open": (2, None), "openat": (257, 56), "pivot_root": (155, 41),
}  # fmt: skip
"""Permitted with some arguments, or needed by the sandbox itself."""


def numbers() -> dict[str, int]:
    """Name -> number on this processor, for the system calls of the tables that it has."""
    column = architecture()[1]
    rows = {**DENIED, **CHANGES, **CONDITIONAL}
    return {name: number for name, row in rows.items() if (number := row[column]) is not None}


def architecture() -> tuple[int, int]:
    """The audit number of this processor in seccomp, and its column in the tables.

    Raises:
        SandboxError: the tables do not cover this processor.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise SandboxError(errno.ENOSYS, f"no filter of system calls for {machine}")
    return _ARCHITECTURES[machine]
