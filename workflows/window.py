"""Window of concurrent activities of one workflow run."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow


class Window:
    """Tasks of a run. Each is an activity that is scheduled or running, or waits for room.

    Attributes:
        error: first error that is not the failure of an item; None if there is none.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._grouped = 0  # items of groups in flight, minus one per group

    def __len__(self) -> int:
        """Number of tasks, including waiting ones."""
        return len(self._tasks)

    @property
    def activities(self) -> int:
        """Number of scheduled or running activities."""
        return len(self._tasks) - self._waiting

    @property
    def files(self) -> int:
        """Number of items of these activities."""
        return self.activities + self._grouped

    @property
    def has_waiting(self) -> bool:
        """Whether any task waits for room."""
        return self._waiting > 0

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start ``work`` as a task; it leaves the window however it ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._free)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the calling task as waiting."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    @contextmanager
    def group_of(self, files: int) -> Iterator[None]:
        """Count the calling task's activity with all its items."""
        self._grouped += files - 1
        try:
            yield
        finally:
            self._grouped -= files - 1

    async def cancel(self, grace: timedelta) -> None:
        """Cancel all tasks and wait for them, at most ``grace``."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await workflow.wait(tasks, timeout=grace.total_seconds())

    def _free(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.error = self.error or error


def ignore_result(task: "asyncio.Future[Any]") -> None:
    """Retrieve the result of a task that nothing awaits."""
    if not task.cancelled():
        task.exception()
