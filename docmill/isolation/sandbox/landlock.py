"""Landlock (Linux 5.13 and later): files that this process and its descendants may open.

Source: the kernel's ``Documentation/userspace-api/landlock.rst`` and ``include/uapi/linux/
landlock.h``. A version of the interface (ABI) does not restrict rights that it does not know; the
system call filter additionally covers the network and signals.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

from docmill.isolation.sandbox.seccomp import forbid_new_privileges
from docmill.isolation.sandbox.syscall_numbers import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
)

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1


class Access(IntFlag):
    """``LANDLOCK_ACCESS_FS_*``."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_KNOWN_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_BITS = 16
"""Number of file rights of an ABI. ABI 5 and later know all of `Access`."""
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_EVERY_TCP = 0b11
_EVERY_SCOPE = 0b11
"""Binding and connecting TCP; abstract sockets and signals of outside processes."""

READ = Access.READ_FILE | Access.READ_DIR
RUN = READ | Access.EXECUTE
WRITE = (
    READ
    | Access.WRITE_FILE
    | Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.MAKE_SYM
    | Access.REFER
    | Access.TRUNCATE
)
_OF_A_FILE = (
    Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
)


def abi() -> int:
    """Return the enabled version of Landlock; 0 without it."""
    try:
        return _call(
            LANDLOCK_CREATE_RULESET,
            None,
            ctypes.c_size_t(0),
            ctypes.c_uint(_CREATE_RULESET_VERSION),
        )
    except OSError:
        return 0


def restrict(version: int, rules: Iterable[tuple[Path, Access]]) -> None:
    """Restrict this process permanently to the rights in ``rules``.

    Args:
        version: version from `abi`.
        rules: rights below existing files and folders.

    Raises:
        OSError: the kernel denies it.
    """
    handled = Access((1 << _KNOWN_BITS.get(version, _NEWEST_BITS)) - 1)
    attributes = [int(handled)]
    if version >= _NETWORK_SINCE:
        attributes.append(_EVERY_TCP)
    if version >= _SCOPES_SINCE:
        attributes.append(_EVERY_SCOPE)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    ruleset = _call(LANDLOCK_CREATE_RULESET, packed, ctypes.c_size_t(len(packed)), ctypes.c_uint(0))
    try:
        for path, access in rules:
            _allow(ruleset, path, access & handled)
        forbid_new_privileges()
        _call(LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: Access) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not path.is_dir():
            access &= _OF_A_FILE
        rule = struct.pack("=Qi", int(access), place)
        _call(
            LANDLOCK_ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_RULE_PATH_BENEATH),
            rule,
            ctypes.c_uint(0),
        )
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    answer = int(libc.syscall(ctypes.c_long(number), *arguments))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return answer
