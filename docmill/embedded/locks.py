"""File locks, which the kernel releases when their process ends."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

RETRY_SECONDS = 0.01
"""Poll interval; a thread that blocks in flock could not be cancelled."""


class FileLock:
    """A lock on a file, shared with child processes that inherit its descriptor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False) -> bool:
        """Try to acquire the lock without waiting; return whether it was acquired."""
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
        """Acquire the lock; wait while another process holds it."""
        while True:
            if self.take(shared=shared):
                return
            await asyncio.sleep(RETRY_SECONDS)

    def release(self) -> None:
        """Release the lock; a child that inherited the descriptor keeps it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def fileno(self) -> int:
        """Return the descriptor for a child to inherit.

        Raises:
            ValueError: the lock is not held.
        """
        if self._descriptor is None:
            raise ValueError("the lock is not held")
        return self._descriptor


@asynccontextmanager
async def exclusive(path: Path) -> AsyncIterator[None]:
    """Hold the lock at ``path`` exclusively during the block."""
    lock = FileLock(path)
    await lock.wait()
    try:
        yield
    finally:
        lock.release()
