"""Termination of a child process together with all its descendants."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_SWEEPS = 20
"""Passes over all processes: one that forks meanwhile needs more than one, a fork bomb a few."""


def kill_family(group: int, mark: str) -> None:
    """Kill a process group and, on Linux, the descendants that left it.

    A process can leave its group and its parent, but keeps its initial environment: every process
    with ``mark`` in its environment is killed. A program that was started with a clean environment
    in a separate session escapes.

    Args:
        group: process group id; its leader must not have been reaped yet, or the id may have been
            reused.
        mark: a text that only the environment of this family contains, such as its private folder.
    """
    _kill(group, everyone=True)
    kill_marked(mark)


def kill_marked(mark: str) -> None:
    """Kill every process with ``mark`` in its environment (Linux; otherwise a no-op)."""
    if sys.platform != "linux":
        return
    for _ in range(_SWEEPS):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            _kill(pid, everyone=False)


def marked(mark: str) -> list[int]:
    """Return the running processes with ``mark`` in their environment (Linux)."""
    wanted = mark.encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended, or belongs to another user
                if wanted in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _kill(number: int, *, everyone: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if everyone else os.kill)(number, signal.SIGKILL)
