"""Locks that the kernel frees when their holder dies, however it dies."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

RETRY_SECONDS = 0.01
"""Locks are polled: a thread that blocks in flock could not be cancelled."""


class FileLock:
    """A lock on a file; it belongs to the open file, also in a child that inherits it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False) -> bool:
        """Try to take the lock without waiting; return whether it was taken."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    async def wait(self, *, shared: bool = False) -> None:
        """Take the lock, waiting as long as somebody else holds it."""
        while True:
            if self.take(shared=shared):
                return
            await asyncio.sleep(RETRY_SECONDS)

    def release(self) -> None:
        """Close our hold; a child that inherited the descriptor keeps the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def fileno(self) -> int:
        """Return the descriptor to pass on to a child.

        Raises:
            ValueError: the lock is not held.
        """
        if self._descriptor is None:
            raise ValueError("the lock is not held")
        return self._descriptor


@asynccontextmanager
async def exclusive(path: Path) -> AsyncIterator[None]:
    """Hold the lock at ``path`` alone for the length of the block."""
    lock = FileLock(path)
    await lock.wait()
    try:
        yield
    finally:
        lock.release()
