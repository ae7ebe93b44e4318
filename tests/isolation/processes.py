"""Inspection of processes from outside."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from docmill.isolation.families import marked


def alive(pid: int) -> bool:
    """Whether ``pid`` runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def engine_folder(pid: int) -> str:
    """The folder of the server that forked the engine process ``pid``: all of its family's."""
    return environment(pid)["TMPDIR"]


def private_folder(pid: int) -> Path:
    """The folder of the engine process ``pid`` alone."""
    return Path(f"/proc/{pid}/cwd").readlink().parent


def parent_of(pid: int) -> int:
    """The pid of the process that ``pid`` is a child of."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[1])


def environment(pid: int) -> dict[str, str]:
    """The environment that the process ``pid`` was born with."""
    entries = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def leftovers(folders: Iterable[str]) -> list[str]:
    """What remains of engine processes: living relatives, and their folders."""
    found = [folder for folder in folders if Path(folder).exists()]
    return found + [f"pid {pid}" for folder in folders for pid in marked(folder)]


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
