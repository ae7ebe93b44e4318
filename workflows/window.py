"""The activities of one workflow run that are in flight, and what waits to become one."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow


class Window:
    """Work on items: each piece is an activity that is scheduled or runs, or waits for room.

    Attributes:
        broken: the first error that was no item's; None while there is none.
    """

    def __init__(self) -> None:
        self.broken: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._set_aside = 0
        self._grouped = 0  # items of groups in flight, but for one of each group

    def __len__(self) -> int:
        """Pieces of work, those that wait for room included."""
        return len(self._tasks)

    @property
    def activities(self) -> int:
        """Activities that are scheduled or run."""
        return len(self._tasks) - self._set_aside

    @property
    def files(self) -> int:
        """Items of those activities."""
        return self.activities + self._grouped

    @property
    def waits(self) -> bool:
        """Whether anything waits for room."""
        return self._set_aside > 0

    def put(self, work: Coroutine[Any, Any, None]) -> None:
        """Give ``work`` a place, which it frees however it ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._free)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Count the caller's piece of work as one that waits for room."""
        self._set_aside += 1
        try:
            yield
        finally:
            self._set_aside -= 1

    @contextmanager
    def group_of(self, files: int) -> Iterator[None]:
        """Count the caller's activity with all its items."""
        self._grouped += files - 1
        try:
            yield
        finally:
            self._grouped -= files - 1

    async def cancel(self, grace: timedelta) -> None:
        """Cancel everything and wait for it, but not longer than ``grace``."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await workflow.wait(tasks, timeout=grace.total_seconds())

    def _free(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = self.broken or error
