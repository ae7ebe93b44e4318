"""The commands that steer a batch: cancel, pause, resume, concurrency."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from docmill.batches.service import BatchService
from docmill.cli.console import Console
from docmill.cli.context import CommandContext, command_actor, open_context
from docmill.cli.execute import audited_settings_of, execute
from docmill.cli.exits import Exit
from docmill.cli.options import BatchId, HomeOption, ProfileOption, program
from docmill.cli.runtime import open_runtime
from docmill.cli.snapshot import Snapshot, read_snapshot
from docmill.cli.waiting import until_database_answers
from docmill.errors import UnavailableError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.tables.batches import Batch

CANCEL_SECONDS = 60.0
"""Usually done within five; a worker that was just started needs longer."""
POLL_SECONDS = 0.1


def cancel(
    batch_id: BatchId,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the batch.")] = "",
    drain: Annotated[
        bool, typer.Option("--drain", help="Let the files in flight end; nothing is stopped.")
    ] = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Stop a batch; finished results stay."""
    execute(cancel_batch(batch_id, reason, drain=drain, profile=profile, home=home))


def pause(batch_id: BatchId, profile: ProfileOption = None, home: HomeOption = None) -> None:
    """Start no more files until resumed.

    Files in flight end. A paused batch stays paused across restarts of everything.
    """
    execute(pause_batch(batch_id, profile=profile, home=home))


def resume(batch_id: BatchId, profile: ProfileOption = None, home: HomeOption = None) -> None:
    """Continue a paused batch."""
    execute(resume_batch(batch_id, profile=profile, home=home))


def concurrency(
    batch_id: BatchId,
    number: Annotated[int, typer.Argument(metavar="N", min=1, max=256, help="Files in flight.")],
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Change how many files are in flight."""
    execute(change_concurrency(batch_id, number, profile=profile, home=home))


async def cancel_batch(
    batch_id: str, reason: str, *, drain: bool, profile: str | None, home: Path | None
) -> int:
    """Cancel a batch, and wait until it is over; with ``drain`` as long as its files need."""
    console = Console(as_json=False)
    steered = _steered("cancel_batch", batch_id, profile, home, console)
    async with steered as (context, service, batch):
        await service.cancel(batch, reason, drain=drain)
        if drain:
            console.print("No more files start; waiting for those in flight.")
        snapshot = await _ended(context, batch, None if drain else CANCEL_SECONDS, console)
    console.print(f"{batch_id}: {snapshot.state}, {snapshot.counts()}")
    console.print("Finished results stay.")
    return Exit.OK


async def pause_batch(batch_id: str, *, profile: str | None, home: Path | None) -> int:
    """Pause a batch."""
    console = Console(as_json=False)
    async with _steered("pause_batch", batch_id, profile, home, console) as (_, service, batch):
        await service.pause(batch)
    console.print(f"{batch_id} is paused: files in flight end, no others start.")
    console.print(f"Continue: {program()} resume {batch_id}")
    return Exit.OK


async def resume_batch(batch_id: str, *, profile: str | None, home: Path | None) -> int:
    """Continue a paused batch."""
    console = Console(as_json=False)
    async with _steered("resume_batch", batch_id, profile, home, console) as (_, service, batch):
        await service.resume(batch)
    console.print(f"{batch_id} continues.")
    return Exit.OK


async def change_concurrency(
    batch_id: str, number: int, *, profile: str | None, home: Path | None
) -> int:
    """Change how many files of a batch are in flight."""
    console = Console(as_json=False)
    async with _steered("set_concurrency", batch_id, profile, home, console) as (_, service, batch):
        now = await service.set_concurrency(batch, number)
    console.print(f"{batch_id}: at most {now} files in flight.")
    return Exit.OK


@asynccontextmanager
async def _steered(
    action: str, batch_id: str, profile: str | None, home: Path | None, console: Console
) -> AsyncIterator[tuple[CommandContext, BatchService, Batch]]:
    async with open_context(audited_settings_of(home)) as context:
        batch = (await read_snapshot(context.database, DEFAULT_PROJECT_ID, batch_id)).batch
        async with open_runtime(context.settings, profile, console.print) as runtime:
            yield context, context.batches(runtime, command_actor(action, batch_id)), batch


async def _ended(
    context: CommandContext, batch: Batch, seconds: float | None, console: Console
) -> Snapshot:
    read = partial(read_snapshot, context.database, batch.project_id, batch.id)
    try:
        async with asyncio.timeout(seconds):
            while True:
                snapshot = await until_database_answers(read, console)
                if snapshot.ended:
                    return snapshot
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise UnavailableError(
            f"The batch {batch.id} was asked to stop, but has not ended yet.",
            f"It ends as soon as a worker runs: see {program()} status, or start `up`.",
        ) from None
