"""Staying with a batch until it ends."""

import asyncio
from collections.abc import Callable

from docmill.batches import BatchService
from docmill.cli.progress import View
from docmill.cli.snapshot import Snapshot, look_at
from docmill.cli.voice import Voice
from docmill.errors import NotFoundError, UnavailableError
from docmill.records.database import Database
from docmill.records.tables import Batch

LOOK_SECONDS = 0.25


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
    while True:
        snapshot = await look_at(database, batch.project_id, batch.id)
        view.show(snapshot)
        on_look()
        if snapshot.ended:
            return snapshot
        if service.reconciler.take_turn(batch.id):
            told = await _reconcile(service, snapshot.batch, voice, told=told)
        await asyncio.sleep(LOOK_SECONDS)


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
