"""All processes that a run has started, including those whose parents were killed."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.isolation.processes import alive

_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans below us become our children instead of init's, so that we find them."""


@contextmanager
def adopting_orphans() -> Iterator[frozenset[int]]:
    """Keep every descendant of the block in sight; yield those that were there before."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield frozenset(descendants(os.getpid()))
    finally:
        libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def descendants(pid: int, without: frozenset[int] = frozenset()) -> list[int]:
    """Return the living children of ``pid``, their children, and so on.

    Args:
        pid: whose.
        without: processes to pass over, with everything below them.
    """
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found, todo = [], [pid]
    while todo:
        below = [child for child in children.get(todo.pop(), []) if child not in without]
        found += below
        todo += below
    return [one for one in found if alive(one)]


def children_running(parent: int, program: str) -> list[int]:
    """Return the children of ``parent`` whose command line holds ``program``."""
    found = [child for child, its_parent in _parents() if its_parent == parent]
    return [child for child in found if program in command_of(child)]


def command_of(pid: int) -> str:
    """Return a process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue  # it ended
            yield int(folder.name), int(fields[1])
