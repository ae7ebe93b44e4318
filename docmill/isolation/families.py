"""Ending a child process with everything it started."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_SWEEPS = 20
"""A process that forks while it is looked for needs more than one look; a bomb needs a few."""


def kill_family(group: int, mark: str) -> None:
    """Kill a process group, and on Linux also what left it.

    A process can leave its group and its parent, but it keeps the environment that it was born
    with: every process whose environment holds ``mark`` is killed. What replaces its environment
    by starting another program with a clean one, in a session of its own, escapes.

    Args:
        group: process group id; its leader must not have been reaped yet, or the id may be
            someone else's.
        mark: a text that only this family's environment holds, such as its private folder.
    """
    _kill(group, everyone=True)
    kill_marked(mark)


def kill_marked(mark: str) -> None:
    """Kill every process whose environment holds ``mark``; does nothing where not on Linux."""
    if sys.platform != "linux":
        return
    for _ in range(_SWEEPS):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            _kill(pid, everyone=False)


def marked(mark: str) -> list[int]:
    """Return the living processes whose environment holds ``mark`` (Linux)."""
    wanted = mark.encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended, or belongs to someone else
                if wanted in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _kill(number: int, *, everyone: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if everyone else os.kill)(number, signal.SIGKILL)
