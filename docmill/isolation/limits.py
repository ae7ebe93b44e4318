"""What a child process may use, and what ends it with its parent. Runs inside the child."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from docmill.isolation.verdicts import peak_so_far

OPEN_FILES = 256
"""Of one process; an engine that leaves some open after each task is replaced at the half."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "800"
"""Of 1000: when the machine itself runs out of memory, the kernel takes a child first."""


def limit_process(memory_bytes: int | None = None, output_bytes: int | None = None) -> None:
    """Set the limits that hold for the whole life of this process.

    They are hard: a document that takes it over could raise soft ones.

    Args:
        memory_bytes: of address space; None sets no limit.
        output_bytes: size of the largest file that it may write, likewise.
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

    Orphans of this process become its own children, so that `has_children` sees them. Elsewhere
    the pool's guard process does both jobs.

    Args:
        parent: process id of who started this process; if it is gone already, end at once.
    """
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


@dataclass(frozen=True, slots=True)
class OwnState:
    """What this process sees of itself, through descriptors: it may not open ``/proc`` any more.

    Attributes:
        memory: of ``/proc/self/statm``; None elsewhere than on Linux.
        files: of the folder of its own descriptors.
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
        """Return the resident memory now; elsewhere than on Linux the most so far."""
        if self.memory is None:
            return peak_so_far()
        return int(os.pread(self.memory, 256, 0).split()[1]) * resource.getpagesize()

    def is_spent(self) -> bool:
        """Whether this process should take no further task.

        Something that it started still runs, or it keeps so many files open that the limit is near.
        """
        open_files = len(os.listdir(self.files))  # noqa: PTH208 - a descriptor is no path
        return has_children() or open_files > OPEN_FILES // 2


def has_children() -> bool:
    """Reap this process's ended children, and say whether one still runs."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _set(kind: int, value: int) -> None:
    """Set a limit, soft and hard, as far as the hard one allows."""
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(ValueError, OSError):  # some platforms refuse RLIMIT_AS
        resource.setrlimit(kind, (most, most))
