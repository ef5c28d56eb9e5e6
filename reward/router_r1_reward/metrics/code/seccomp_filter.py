"""The seccomp filter: a BPF program that decides for every system call whether a confined process may make it.

See https://docs.kernel.org/userspace-api/seccomp_filter.html. The tables of system calls are in `system_calls.py`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable

from router_r1_reward.metrics.code.system_calls import (
    CHANGES,
    DENIED,
    architecture,
    call,
    numbers,
)

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP = 1, 22
_X32_BIT = 0x40000000
_FIRST_UNKNOWN = 450  # system calls that are newer than the tables are refused as unknown

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_CLONE_THREAD = 0x10000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE = 8, 10, 15, 1024
# Permitted ioctls: terminal check, terminal size, bytes to read, blocking mode, close-on-exec (on and off). Others send
# signals or change attributes of files.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_O_ACCMODE = 3

_Step = tuple[int, int, int, int]
"""One BPF instruction: code, instructions to skip if true, if false, operand."""


def install(pids: Iterable[int], changes: bool) -> None:
    """Install the filter in this process permanently.

    Args:
        pids: processes that may get signals, this one first.
        changes: permit the system calls in `CHANGES`.

    Raises:
        SandboxError: not available on this machine.
    """
    steps = _steps(tuple(pids), changes)
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(steps), ctypes.addressof(held))
    call("prctl", _PR_SET_SECCOMP, 2, program, 0, 0)


def _steps(pids: tuple[int, ...], changes: bool) -> list[_Step]:
    """The instructions of the filter. Each rule either returns or leaves the number of the system call loaded."""
    audit, _ = architecture()
    known = numbers()
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
    for name in (*DENIED, *(() if changes else CHANGES)):
        if name in known:
            steps += [(_EQUAL, 0, 1, known[name]), (_RETURN, 0, 0, _ERROR | errno.EPERM)]
    steps += [(_EQUAL, 0, 1, known["clone3"]), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]

    steps += _rule(known["clone"], [(_ANY_BIT, 0, 1, _CLONE_THREAD), _OK, _NO], argument=0)
    for name in ("kill", "tgkill"):
        steps += _rule(known[name], _one_of(pids), argument=0)
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):  # fmt: skip
        steps += _rule(known[name], _one_of((0, *own)), argument=0)
    steps += _rule(
        known["fcntl"], _none_of((_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE)), argument=1
    )
    steps += _rule(known["prctl"], _none_of((_PR_SET_PDEATHSIG,)), argument=0)
    steps += _rule(known["ioctl"], _one_of(_IOCTLS), argument=1)
    no_address = [(_EQUAL, 1, 0, 0), _NO, (_LOAD, 0, 0, _offset(4) + 4), (_EQUAL, 1, 0, 0), _NO, _OK]  # fmt: skip
    steps += _rule(known["sendto"], no_address, argument=4)
    # Opening for reading with O_TRUNC empties the file: the first versions of Landlock permit it.
    empties = [(_ANY_BIT, 1, 0, os.O_TRUNC), _OK, (_AND, 0, 0, _O_ACCMODE), (_EQUAL, 0, 1, 0), _NO, _OK]  # fmt: skip
    for name, argument in (("open", 1), ("openat", 2)):
        if name in known:
            steps += _rule(known[name], empties, argument=argument)
    return [*steps, _OK]


_OK: _Step = (_RETURN, 0, 0, _ALLOW)
_NO: _Step = (_RETURN, 0, 0, _ERROR | errno.EPERM)


def _offset(argument: int) -> int:
    """Offset of the lower half of an argument in the data of the filter."""
    return 16 + 8 * argument


def _rule(number: int, test: list[_Step], argument: int) -> list[_Step]:
    """Instructions that decide about one system call by one argument.

    Args:
        number: number of the system call.
        test: instructions on the loaded argument, which return on every path.
        argument: its position, from 0.
    """
    return [
        (_EQUAL, 0, len(test) + 1, number),
        (_LOAD, 0, 0, _offset(argument)),
        *test,
    ]


def _one_of(values: Iterable[int]) -> list[_Step]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _OK)] + [_NO]


def _none_of(values: Iterable[int]) -> list[_Step]:
    return [step for value in values for step in ((_EQUAL, 0, 1, value), _NO)] + [_OK]
