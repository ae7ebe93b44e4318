"""The sliding window: items in flight, at most so many, each with one activity."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    # plain data; loading it again for every run would triple the sandbox's cost
    from docmill.contracts import ItemRef


class Window:
    """Items in flight.

    A slot is freed when its item ends, however it ends: a failed item must not make the batch
    wait. An error that is no item's failure is kept in ``error`` for the workflow to raise.
    """

    def __init__(self, process: Callable[[ItemRef], Awaitable[None]]) -> None:
        self._process = process
        self._tasks: set[asyncio.Task[None]] = set()
        self.error: BaseException | None = None

    def __len__(self) -> int:
        """Items in flight."""
        return len(self._tasks)

    def add(self, item: ItemRef) -> None:
        """Start ``item``."""
        task = asyncio.ensure_future(self._process(item))
        self._tasks.add(task)
        task.add_done_callback(self._free)

    async def cancel(self, grace: timedelta) -> None:
        """Cancel every item and wait for them, but not longer than ``grace``."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await workflow.wait(list(self._tasks), timeout=grace.total_seconds())

    def _free(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.error = self.error or error
