"""Folders for half-written files, which disappear with the process that wrote them."""

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
    """One process's folder for files that are not yet whole, beside where they will be.

    Its owner holds a lock on it. The lock dies with the process, so whoever comes next knows an
    abandoned folder from one in use, and removes it. The folder is made at first use.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._guard = threading.Lock()
        self._folder: Path | None = None
        self._lock = -1

    @classmethod
    def below(cls, parent: Path, ending: "Ending | None" = None) -> Self:
        """Return a folder in ``parent``, which is made when it is missing.

        What dead processes left there is removed, after ``ending`` was called with it.
        """
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(parent, ending)
        return cls(parent)

    def fresh(self) -> Path:
        """Return a path that no file has, in a folder that exists. Safe in threads."""
        with self._guard:
            if self._folder is None or not self._folder.is_dir():
                self._open()
            assert self._folder is not None
            return self._folder / secrets.token_hex(8)

    def make(self) -> Path:
        """Make a fresh empty folder; whoever asked for it removes it."""
        path = self.fresh()
        path.mkdir(mode=0o700)
        return path

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a fresh empty folder for one piece of work, and remove it afterwards."""
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
"""Ends what a dead process's folder still belongs to, before the folder is removed."""


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
    """Return the descriptor that holds the lock, or None when the folder is not ours to take."""
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
