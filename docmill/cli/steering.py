"""Steering a running batch: cancel, pause, resume, concurrency."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from docmill.batches.service import BatchService
from docmill.cli.console import Voice
from docmill.cli.context import Office, open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import program
from docmill.cli.runtime import open_runtime
from docmill.cli.snapshot import Snapshot, look_at
from docmill.errors import UnavailableError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.tables.batches import Batch

CANCEL_SECONDS = 60.0
"""Usually over within five; a worker that was just started needs a little longer."""
LOOK_SECONDS = 0.1


async def cancel_batch(
    batch_id: str, reason: str, *, drain: bool, profile: str | None, home: Path | None
) -> int:
    """Cancel a batch, and wait until it is over; with ``drain`` as long as its files need."""
    voice = Voice(as_json=False)
    async with _steered(batch_id, profile, home, voice) as (office, service, batch):
        await service.cancel(batch, reason, drain=drain)
        if drain:
            voice.say("No more files start; waiting for those in flight.")
        snapshot = await _ended(office, batch, None if drain else CANCEL_SECONDS)
    voice.say(f"{batch_id}: {snapshot.state}, {snapshot.counts()}")
    voice.say("Finished results stay.")
    return Exit.OK


async def pause_batch(batch_id: str, *, profile: str | None, home: Path | None) -> int:
    """Pause a batch."""
    voice = Voice(as_json=False)
    async with _steered(batch_id, profile, home, voice) as (_, service, batch):
        await service.pause(batch)
    voice.say(f"{batch_id} is paused: files in flight end, no others start.")
    voice.say(f"Go on: {program()} resume {batch_id}")
    return Exit.OK


async def resume_batch(batch_id: str, *, profile: str | None, home: Path | None) -> int:
    """Let a paused batch go on."""
    voice = Voice(as_json=False)
    async with _steered(batch_id, profile, home, voice) as (_, service, batch):
        await service.resume(batch)
    voice.say(f"{batch_id} goes on.")
    return Exit.OK


async def change_concurrency(
    batch_id: str, number: int, *, profile: str | None, home: Path | None
) -> int:
    """Change how many files of a batch are in flight."""
    voice = Voice(as_json=False)
    async with _steered(batch_id, profile, home, voice) as (_, service, batch):
        now = await service.set_concurrency(batch, number)
    voice.say(f"{batch_id}: at most {now} files in flight.")
    return Exit.OK


@asynccontextmanager
async def _steered(
    batch_id: str, profile: str | None, home: Path | None, voice: Voice
) -> AsyncIterator[tuple[Office, BatchService, Batch]]:
    async with open_office(settings_of(home)) as office:
        batch = (await look_at(office.database, DEFAULT_PROJECT_ID, batch_id)).batch
        async with open_runtime(office.settings, profile, voice.say) as runtime:
            yield office, office.batches(runtime), batch


async def _ended(office: Office, batch: Batch, seconds: float | None) -> Snapshot:
    try:
        async with asyncio.timeout(seconds):
            while True:
                snapshot = await look_at(office.database, batch.project_id, batch.id)
                if snapshot.ended:
                    return snapshot
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise UnavailableError(
            f"The batch {batch.id} has been told to stop, but has not ended yet.",
            f"It ends as soon as a worker runs: see {program()} status, or start `up`.",
        ) from None
