"""Registry of the attempts of the hostile engine, and system calls by number."""

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = dict[str, Any]
Attempt = Callable[[Command], object]


class Attempts(dict[str, Attempt]):
    """Attempts by name. An attempt returns its result; one that is denied raises an `OSError`.

    They act on targets that the command names, and do no harm if they succeed.
    """

    def add(self, attempt: Attempt) -> Attempt:
        """Add a function under its own name."""
        self[attempt.__name__] = attempt
        return attempt


_X86_64 = {
    "process_vm_readv": 310, "ptrace": 101, "kcmp": 312, "bpf": 321, "userfaultfd": 323,
    "perf_event_open": 298, "keyctl": 250, "unshare": 272, "setns": 308, "mount": 165,
    "pivot_root": 155, "open_by_handle_at": 304, "name_to_handle_at": 303, "personality": 135,
    "memfd_create": 319, "mknodat": 259, "rt_sigqueueinfo": 129, "tkill": 200, "tgkill": 234,
    "shmget": 29, "init_module": 175, "fanotify_init": 300, "inotify_add_watch": 254, "syslog": 103,
    "process_madvise": 440, "clone": 56,
}  # fmt: skip
_AARCH64 = {
    "process_vm_readv": 270, "ptrace": 117, "kcmp": 272, "bpf": 280, "userfaultfd": 282,
    "perf_event_open": 241, "keyctl": 219, "unshare": 97, "setns": 268, "mount": 40,
    "pivot_root": 41, "open_by_handle_at": 265, "name_to_handle_at": 264, "personality": 92,
    "memfd_create": 279, "mknodat": 33, "rt_sigqueueinfo": 138, "tkill": 130, "tgkill": 131,
    "shmget": 194, "init_module": 105, "fanotify_init": 262, "inotify_add_watch": 27, "syslog": 116,
    "process_madvise": 440, "clone": 220,
}  # fmt: skip
_EVERYWHERE = {
    "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
    "clone3": 435, "fsopen": 430, "mount_setattr": 442,
}  # fmt: skip
_NUMBERS = _EVERYWHERE | (_AARCH64 if platform.machine() == "aarch64" else _X86_64)
"""Repeated here, not imported from the filter, so that tests detect a wrong number there."""

_UNHELPFUL = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES})
libc = ctypes.CDLL(None, use_errno=True)
"""The C library of this process."""


def call(name: str, *arguments: object) -> int:
    """Make a system call that Python has no function for.

    Raises:
        OSError: it is denied, or does not exist.
    """
    answer = int(libc.syscall(ctypes.c_long(_NUMBERS[name]), *arguments))
    if answer < 0:
        number = ctypes.get_errno()
        if number not in _UNHELPFUL:
            return -number  # the call was allowed, and failed for another reason
        raise OSError(number, os.strerror(number))
    return answer


def first_bytes(path: str) -> str:
    """Return the beginning of a file."""
    return Path(path).read_bytes()[:200].decode("utf-8", "replace")
