"""What a child process may use, and what ends it with its parent. Runs inside the child."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from docmill.engines.base import Limits

OPEN_FILES = 256
"""Of one process; an engine that leaves some open after each task is replaced at the half."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "800"
"""Of 1000: when the machine itself runs out of memory, the kernel takes a child first."""


def limit_process() -> None:
    """Set the limits that hold for the whole life of this process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def limit_task(limits: Limits) -> None:
    """Set the limits of the next task.

    They can be lowered by the task after it, never raised: a document that took this process over
    could raise them as well. Who wants more takes another process.
    """
    _set(resource.RLIMIT_AS, limits.memory_bytes)
    _set(resource.RLIMIT_FSIZE, limits.output_bytes)


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


def is_spent() -> bool:
    """Whether this process should take no further task.

    Something that it started still runs, or it keeps so many files open that the limit is near.
    """
    open_files = sum(1 for _ in Path("/dev/fd").iterdir())
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
