"""Finds the unfinished batch of a plan, or lists its source and creates one."""

import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from docmill.batches.scan import scan_source
from docmill.batches.service import BatchService
from docmill.cli.console import Console
from docmill.cli.context import CommandContext
from docmill.cli.options import program
from docmill.cli.run.request import Plan
from docmill.cli.run.upload import upload_folder
from docmill.cli.runtime import Connection
from docmill.contracts.names import BATCH_QUEUE
from docmill.contracts.words import BatchStatus
from docmill.embedded.connect import pollers
from docmill.embedded.locks import exclusive
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.directories import source_key_of
from docmill.records.scans import ScanSummary, ScanSuperseded
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory
from docmill.sources.folder import FolderSource
from docmill.temporal.deployments import unserved


@dataclass(frozen=True, slots=True)
class Scanned:
    """A source's listing as it is now."""

    directory: Directory
    summary: ScanSummary

    def has_more_than(self, batch: Batch) -> bool:
        """Whether files came or changed since ``batch`` froze its listing."""
        if self.directory.watermark == batch.watermark:
            return False
        only_removed = self.summary.vanished_count and not self.summary.changed
        return bool(self.summary.new) or not only_removed


async def latest_of(context: CommandContext, plan: Plan) -> Batch | None:
    """Return the newest batch that the same command made, or None."""
    async with context.database.read() as session:
        return await Batches(session).latest_of_identity(DEFAULT_PROJECT_ID, plan.identity)


async def unfinished_of(context: CommandContext, service: BatchService, plan: Plan) -> Batch | None:
    """Return the batch to resume, running again; None when there is none."""
    latest = await latest_of(context, plan)
    if latest is None:
        return None
    latest = await service.reconciler.reconcile(latest)
    return None if BatchStatus(latest.status).terminal else latest


async def scan(context: CommandContext, plan: Plan, *, by_upload: bool) -> Scanned:
    """List the source; upload a folder for workers that cannot read it."""
    if by_upload and isinstance(plan.source, FolderSource):
        return Scanned(*await upload_folder(context, DEFAULT_PROJECT_ID, plan.source))
    while True:
        try:
            return Scanned(*await scan_source(context.database, DEFAULT_PROJECT_ID, plan.source))
        except ScanSuperseded:  # another machine scans it too; this listing must be current
            continue


def one_at_a_time(context: CommandContext, plan: Plan) -> AbstractAsyncContextManager[None]:
    """Return a lock that equal commands of this home hold while they list the source."""
    key = source_key_of(plan.source.as_json())
    return exclusive(context.home.lock(f"scan-{key[:16]}"))


async def next_number(context: CommandContext, plan: Plan) -> int:
    """Return the number of the next batch of this identity."""
    latest = await latest_of(context, plan)
    return latest.identity_number + 1 if latest else 0


async def create(service: BatchService, plan: Plan, scanned: Scanned, number: int) -> Batch:
    """Create batch ``number`` of this identity; nothing runs before it is started.

    A repeated call, and another command that does this at the same time, get the same batch.
    """
    batch, _ = await service.create(
        plan.spec(scanned.directory.id),
        api="cli",
        name=plan.source.name,
        out=plan.out.location,
        identity=plan.identity,
        identity_number=number,
    )
    return batch


async def needs_upload(context: CommandContext, temporal: Connection, console: Console) -> bool:
    """Whether files must be uploaded to the shared store; warns when no worker gets batches.

    Raises:
        UsageError: workers on other machines cannot reach this home's records or results.
    """
    identities = await pollers(temporal.client, BATCH_QUEUE)
    if not identities:
        console.print(
            f"No worker polls {temporal.address}: the batch waits until one does "
            f"({program()} worker).",
            style="yellow",
        )
    elif (problem := await unserved(temporal.client)) is not None:
        console.print(f"{problem.message} The batch waits. {problem.hint}", style="yellow")
    # The default store is in the home folder, which only this machine can read.
    shared = not context.database.is_sqlite and bool(context.settings.store_url)
    return upload_is_needed(identities, socket.gethostname(), shared=shared)


def upload_is_needed(identities: Sequence[str], host: str, *, shared: bool) -> bool:
    """Decide by the workers' identities (``pid@host``).

    Args:
        identities: of the workers that poll.
        host: this machine's name.
        shared: whether records and store can be reached from other machines.

    Raises:
        UsageError: a worker is elsewhere, and nothing is shared.
    """
    all_here = all(identity.rpartition("@")[2] == host for identity in identities)
    if not shared and not all_here:
        raise UsageError(
            "Workers on other machines cannot reach the records and results in this home.",
            "Set DOCMILL_DATABASE_URL and DOCMILL_STORE_URL to what they use, here as well.",
        )
    return shared and not (identities and all_here)
