"""Follows a batch until it ends.

Counts are read from the records at a fixed rate, however fast the batch is. One long poll waits for
the end of the workflow; when it returns, the counts are read at once.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Self

from docmill.batches.service import BatchService
from docmill.cli.console import Console
from docmill.cli.progress import View
from docmill.cli.snapshot import Snapshot, read_snapshot
from docmill.cli.waiting import until_database_answers
from docmill.errors import DocmillError, NotFoundError, UnavailableError
from docmill.records.database import Database
from docmill.records.tables.batches import Batch

POLL_SECONDS = 0.5
"""Interval between two reads of the counts."""
RECONCILE_SECONDS = 5.0
"""Interval between two comparisons of row and workflow without a sign that they differ."""


async def follow(
    database: Database,
    service: BatchService,
    batch: Batch,
    view: View,
    *,
    console: Console,
    on_snapshot: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Show the batch until it has ended, and return its last state.

    A database that is away is waited for.

    Args:
        database: the records, which are authoritative.
        service: detects that the workflow was lost, or ended from outside.
        batch: the batch.
        view: shows its state.
        console: prints what the command waits for.
        on_snapshot: called after each read; what it raises ends `follow`.
    """
    notified = False
    read = partial(read_snapshot, database, batch.project_id, batch.id)
    async with _WorkflowEnd(service, batch) as ending:
        while True:
            snapshot = await until_database_answers(read, console)
            view.show(snapshot)
            on_snapshot()
            if snapshot.ended:
                return snapshot
            if ending.may_differ() and service.reconciler.take_turn(batch.id):
                notified = await _reconcile(service, snapshot.batch, console, notified=notified)
                ending.listen()
            await ending.wait(POLL_SECONDS)


class _WorkflowEnd:
    """Waits for the end of a batch's workflow."""

    def __init__(self, service: BatchService, batch: Batch) -> None:
        self._service = service
        self._batch = batch
        self._compared = monotonic()
        self._listening = asyncio.create_task(self._listen())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        with suppress(DocmillError):  # the comparison that follows reports what is wrong
            await self._service.ended(self._batch)

    def may_differ(self) -> bool:
        """Whether to compare the row, in which the batch is running, with Temporal."""
        return self._listening.done() or monotonic() - self._compared > RECONCILE_SECONDS

    def listen(self) -> None:
        """Wait for the end again, after a comparison."""
        self._compared = monotonic()
        if self._listening.done():
            self._listening = asyncio.create_task(self._listen())

    async def wait(self, seconds: float) -> None:
        """Wait for the end, at most ``seconds``; for all of them when the end was just reported."""
        if self._listening.done():
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait([self._listening], timeout=seconds)


async def _reconcile(
    service: BatchService, batch: Batch, console: Console, *, notified: bool
) -> bool:
    try:
        await service.reconciler.reconcile(batch)
    except NotFoundError:  # it ended between two calls; the next read shows that
        return notified
    except UnavailableError as error:
        if not notified:
            console.print(f"{error.message} Waiting for it.", style="yellow")
        return True
    return False
