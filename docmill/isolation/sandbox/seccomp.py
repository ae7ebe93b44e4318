"""seccomp (Linux): filter of system calls for this process and its descendants.

Sources: the kernel's ``Documentation/userspace-api/seccomp_filter.rst`` and ``include/uapi/linux``:
``seccomp.h``, ``filter.h``, ``audit.h``, ``sched.h``, ``prctl.h``.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from errno import ENOSYS, EPERM

from docmill.isolation.sandbox.syscall_numbers import (
    BY_ARGUMENT,
    DENIED,
    INSTALL,
    LAST_REVIEWED,
    PROGRAMS_NEED,
    Numbers,
)

_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
_PR_SET_NO_NEW_PRIVS = 38

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000

_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
"""Offsets in ``struct seccomp_data``. Each argument has two words, the lower one first."""
_X32_BIT = 0x40000000
"""Calls of the x32 convention of x86_64, which has other numbers."""

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080
_PRCTL_DENIED = {
    "PR_SET_PDEATHSIG": 1,
    "PR_SET_DUMPABLE": 4,
    "PR_SET_KEEPCAPS": 8,
    "PR_SET_SECUREBITS": 28,
    "PR_MCE_KILL": 33,
    "PR_SET_MM": 35,
    "PR_SET_CHILD_SUBREAPER": 36,
    "PR_CAP_AMBIENT": 47,
    "PR_SCHED_CORE": 62,
    "PR_SET_PTRACER": 0x59616D61,
}
"""Flags that would detach the process from its supervisor, or hide it."""
_FCNTL_DENIED = {"F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15}
_IOCTL_DENIED = {
    "TIOCSTI": 0x5412,
    "TIOCLINUX": 0x541C,
    "FIOSETOWN": 0x8901,
    "SIOCSPGRP": 0x8902,
}
"""Calls that signal other processes, or write to their terminals."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor with a table of system calls.

    Attributes:
        audit: its ``AUDIT_ARCH_*`` in the filter.
        number: returns its number of a call.
    """

    name: str
    audit: int
    number: Callable[[Numbers], int | None]


MACHINES: dict[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine("x86_64", 0xC000003E, lambda numbers: numbers.x86_64),
        Machine("aarch64", 0xC00000B7, lambda numbers: numbers.aarch64),
    )
}


def machine() -> Machine | None:
    """Return this machine, if it has a table and its kernel supports filters."""
    found = MACHINES.get(platform.machine())
    if found is None or os.uname().sysname != "Linux" or struct.calcsize("P") != 8:  # noqa: PLR2004
        return None
    action = ctypes.c_uint32(_ERRNO)
    libc = ctypes.CDLL(None, use_errno=True)
    number = found.number(INSTALL)
    if libc.syscall(number, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)):
        return None
    return found


def install(found: Machine, *, programs: bool = False) -> None:
    """Filter the calls of this process, permanently.

    Args:
        found: machine from `machine`.
        programs: whether processes and programs may be started.

    Raises:
        OSError: the kernel denies it.
    """
    code = program(found, os.getpid(), programs=programs)
    buffer = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    forbid_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(found.number(INSTALL), _SECCOMP_SET_MODE_FILTER, 0, described):
        raise OSError(ctypes.get_errno(), "seccomp")


def forbid_new_privileges() -> None:
    """Deny additional rights to started programs, as Landlock and seccomp require.

    Raises:
        OSError: the kernel denies it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")


def program(found: Machine, pid: int, *, programs: bool = False) -> bytes:
    """Return the filter as classic BPF, eight bytes an instruction.

    Args:
        found: the machine.
        pid: process id: signals to itself are allowed, because ``abort`` sends one.
        programs: as in `install`.
    """
    code = [
        _op(_LOAD_WORD, _MACHINE_AT),
        _op(_JUMP_EQUAL, found.audit, yes=1),
        _op(_RETURN, _KILL_PROCESS),
        _op(_LOAD_WORD, _NUMBER_AT),
        _op(_JUMP_AT_LEAST, _X32_BIT, no=1),
        _op(_RETURN, _KILL_PROCESS),
        _op(_JUMP_AT_LEAST, LAST_REVIEWED + 1, no=1),
        _op(_RETURN, _ERRNO | ENOSYS),
    ]
    for name, checks in _checks(pid, programs=programs).items():
        number = found.number(BY_ARGUMENT[name])
        assert number is not None
        code += [_op(_JUMP_EQUAL, number, no=len(checks)), *checks]
    for name, numbers in DENIED.items():
        number = found.number(numbers)
        if number is not None and not (programs and name in PROGRAMS_NEED):
            code += [_op(_JUMP_EQUAL, number, no=1), _op(_RETURN, _ERRNO | EPERM)]
    return b"".join([*code, _op(_RETURN, _ALLOW)])


def _checks(pid: int, *, programs: bool) -> dict[str, list[bytes]]:
    """Return the instructions after a match of a call of `BY_ARGUMENT`; they end the filter."""
    deny, allow = _op(_RETURN, _ERRNO | EPERM), _op(_RETURN, _ALLOW)
    own = [_argument(0), _op(_JUMP_EQUAL, pid, yes=1), deny, allow]
    threads = [_argument(0), _op(_JUMP_ANY_BIT, _CLONE_NAMESPACES, no=1), deny]
    if not programs:
        threads += [_op(_JUMP_ANY_BIT, _CLONE_THREAD, yes=1), deny]
    return {
        "clone": [*threads, allow],
        # Its flags are in memory, which filters cannot read; libc falls back to `clone`.
        "clone3": [_op(_RETURN, _ERRNO | ENOSYS)],
        "kill": [allow] if programs else own,
        "tgkill": [allow] if programs else own,
        "prlimit64": [
            _argument(0),
            _op(_JUMP_EQUAL, 0, yes=2),
            _op(_JUMP_EQUAL, pid, yes=1),
            deny,
            _argument(2),  # the new limit: a null pointer only queries
            _op(_JUMP_EQUAL, 0, yes=1),
            deny,
            _argument(2, high=True),
            _op(_JUMP_EQUAL, 0, yes=1),
            deny,
            allow,
        ],
        "prctl": [*_any_of(0, _PRCTL_DENIED.values()), allow],
        "fcntl": [*_any_of(1, _FCNTL_DENIED.values()), allow],
        "ioctl": [*_any_of(1, _IOCTL_DENIED.values()), allow],
    }


def _any_of(argument: int, values: Iterable[int]) -> list[bytes]:
    """Return instructions that deny a call whose argument is one of ``values``."""
    code = [_argument(argument)]
    for value in values:
        code += [_op(_JUMP_EQUAL, value, no=1), _op(_RETURN, _ERRNO | EPERM)]
    return code


def _argument(number: int, *, high: bool = False) -> bytes:
    return _op(_LOAD_WORD, _ARGUMENTS_AT + 8 * number + (4 if high else 0))


def _op(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction; ``yes`` and ``no`` are the instructions that a jump skips."""
    return struct.pack("=HBBI", code, yes, no, value)
