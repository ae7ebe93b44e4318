"""Temporary folders of workers; what a killed worker left behind is removed by the next one."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCK = ".lock"


class Scratch:
    """One worker's own folder, held by a lock for as long as the worker lives.

    The lock, not a pid, says whether the owner is alive: the kernel frees it however the owner
    ends, and no other process can be taken for it.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        self.path = Path(tempfile.mkdtemp(prefix="worker-", dir=root))
        self._lock = _hold(self.path)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder for one item, removed afterwards."""
        with tempfile.TemporaryDirectory(dir=self.path, ignore_cleanup_errors=True) as name:
            yield Path(name)

    def close(self) -> None:
        """Remove the worker's folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _hold(folder: Path) -> IO[str]:
    handle = (folder / _LOCK).open("w")
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob("worker-*"):
        try:
            handle = (folder / _LOCK).open("r+")
        except OSError:
            continue  # it is being made or removed at this moment by its owner
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            shutil.rmtree(folder, ignore_errors=True)
