"""Resource limits of a child process, and its end with its parent. Runs in the child process."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from docmill.isolation.exits import peak_so_far

OPEN_FILES = 256
"""Open files of one process. At half of it the process is replaced, for engines that leak."""

ANY_PARENT = 0
"""Instead of the process id of a parent that is not known."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "800"
"""Of 1000. When the machine runs out of memory, the kernel kills a child process first."""


def limit_process(memory_bytes: int | None = None, output_bytes: int | None = None) -> None:
    """Set the limits for the whole life of this process.

    They are hard limits: a document that takes over the process could raise soft ones.

    Args:
        memory_bytes: limit of the address space; None for no limit.
        output_bytes: size of the largest output file; None for no limit.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    if memory_bytes is not None:
        _set(resource.RLIMIT_AS, memory_bytes)
    if output_bytes is not None:
        _set(resource.RLIMIT_FSIZE, output_bytes)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends (Linux).

    Orphans of this process become its children, so that `has_children` finds them. On other systems
    the guard process does both.

    Args:
        parent: process id of the parent; if it is already gone, exit at once. `ANY_PARENT` for a
            program in between that ends with the parent.
    """
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if parent not in (os.getppid(), ANY_PARENT):
        os._exit(1)


@dataclass(frozen=True, slots=True)
class OwnState:
    """State of this process through descriptors, since it may not open ``/proc`` later.

    Attributes:
        memory: descriptor of ``/proc/self/statm``; None except on Linux.
        files: descriptor of the folder of its descriptors.
    """

    memory: int | None
    files: int

    @classmethod
    def opened(cls) -> Self:
        """Open the descriptors."""
        try:
            memory = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            memory = None
        return cls(memory, os.open("/dev/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def resident_bytes(self) -> int:
        """Return the current resident memory; except on Linux, the peak."""
        if self.memory is None:
            return peak_so_far()
        return int(os.pread(self.memory, 256, 0).split()[1]) * resource.getpagesize()

    def is_spent(self) -> bool:
        """Return whether this process should get no further task.

        A descendant still runs, or the number of open files is near its limit.
        """
        open_files = len(os.listdir(self.files))  # noqa: PTH208 - a descriptor, not a path
        return has_children() or open_files > OPEN_FILES // 2


def has_children() -> bool:
    """Reap ended children, and return whether one still runs."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _set(kind: int, value: int) -> None:
    """Set a soft and hard limit, at most the current hard limit."""
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(ValueError, OSError):  # some platforms reject RLIMIT_AS
        resource.setrlimit(kind, (most, most))
