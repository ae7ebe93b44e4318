"""Staying with a batch until it ends.

Counts are read from the records at an even pace, however fast the batch is. Temporal is asked one
thing: to say when the workflow has ended. Its answer is followed by a look at once, so that the
end is seen at once.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Self

from docmill.batches.service import BatchService
from docmill.cli.console import Voice
from docmill.cli.progress import View
from docmill.cli.snapshot import Snapshot, look_at
from docmill.errors import DocmillError, NotFoundError, UnavailableError
from docmill.records.database import Database
from docmill.records.tables.batches import Batch

LOOK_SECONDS = 0.5
"""Between two reads of the counts."""
RECONCILE_SECONDS = 5.0
"""Between two comparisons of row and workflow while nothing says that they differ."""


async def follow(
    database: Database,
    service: BatchService,
    batch: Batch,
    view: View,
    *,
    voice: Voice,
    on_look: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Show the batch until it has ended, and return the last look at it.

    Args:
        database: where the truth about the batch is.
        service: notices that the workflow was lost, or ended from outside.
        batch: the batch.
        view: shows it.
        voice: tells what is being waited for.
        on_look: called with each look; what it raises ends the following.
    """
    told = False
    async with _Ending(service, batch) as ending:
        while True:
            snapshot = await look_at(database, batch.project_id, batch.id)
            view.show(snapshot)
            on_look()
            if snapshot.ended:
                return snapshot
            if ending.may_differ() and service.reconciler.take_turn(batch.id):
                told = await _reconcile(service, snapshot.batch, voice, told=told)
                ending.listen()
            await ending.wait(LOOK_SECONDS)


class _Ending:
    """The end of a batch's workflow, as Temporal tells it."""

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
        with suppress(DocmillError):  # it is compared then, which says what is wrong
            await self._service.ended(self._batch)

    def may_differ(self) -> bool:
        """Whether the row, which says that the batch goes on, should be compared with Temporal."""
        return self._listening.done() or monotonic() - self._compared > RECONCILE_SECONDS

    def listen(self) -> None:
        """Listen again: the two have just been compared."""
        self._compared = monotonic()
        if self._listening.done():
            self._listening = asyncio.create_task(self._listen())

    async def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long; for all of it when there was one just now."""
        if self._listening.done():
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait([self._listening], timeout=seconds)


async def _reconcile(service: BatchService, batch: Batch, voice: Voice, *, told: bool) -> bool:
    try:
        await service.reconciler.reconcile(batch)
    except NotFoundError:  # it ended between two calls; the next look shows it
        return told
    except UnavailableError as error:
        if not told:
            voice.say(f"{error.message} Waiting for it.", style="yellow")
        return True
    return False
