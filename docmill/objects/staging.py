"""Staging folders for incomplete files, which are removed when their process ends."""

import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

PREFIX = ".docmill-tmp-"


class Staging:
    """A folder of one process for incomplete files, on the file system of their target.

    The process holds a lock on the folder, which the kernel releases when the process ends. The
    next process therefore recognizes an abandoned folder and removes it. The folder is created at
    first use.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._guard = threading.Lock()
        self._folder: Path | None = None
        self._lock = -1

    @classmethod
    def below(cls, parent: Path, ending: "Ending | None" = None) -> Self:
        """Return a staging folder in ``parent``, which is created if it is missing.

        Folders of dead processes are removed, after ``ending`` was called with each.
        """
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(parent, ending)
        return cls(parent)

    def fresh(self) -> Path:
        """Return an unused path in an existing folder. Thread-safe."""
        with self._guard:
            if self._folder is None or not self._folder.is_dir():
                self._open()
            assert self._folder is not None
            return self._folder / secrets.token_hex(8)

    def make(self) -> Path:
        """Create an empty folder; the caller removes it."""
        path = self.fresh()
        path.mkdir(mode=0o700)
        return path

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a new empty folder, and remove it afterwards."""
        path = self.make()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder."""
        with self._guard:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                os.close(self._lock)
                self._folder = None

    def _open(self) -> None:
        if self._folder is not None:
            os.close(self._lock)
            self._folder = None
        sweep(self._parent)
        while self._folder is None:
            folder = self._parent / f"{PREFIX}{secrets.token_hex(6)}"
            folder.mkdir(mode=0o700)
            lock = _lock(folder)
            if lock is not None:
                self._folder, self._lock = folder, lock


Ending = Callable[[Path], None]
"""Called with the folder of a dead process before it is removed, to end its children."""


def sweep(parent: Path, ending: Ending | None = None) -> None:
    """Remove the staging folders of dead processes in ``parent``."""
    for folder in parent.glob(f"{PREFIX}*"):
        lock = _lock(folder)
        if lock is not None:
            if ending is not None:
                ending(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds the lock, or None if another process holds it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
