"""Syncs: a batch over what is new or changed in a source, and a list of what is gone.

A sync advances its watermark only after its batch has completed and its results are at their
destination. A sync that was interrupted is therefore done again; results that exist are shared.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from docmill.batches.create import Listing, insert_batch
from docmill.batches.exports import export_until_ended, read_batch
from docmill.batches.scan import scan_source
from docmill.batches.service import BatchService
from docmill.contracts.batches import BatchSpec
from docmill.contracts.syncs import SyncBegun, SyncRequest, SyncResult
from docmill.contracts.words import BatchStatus
from docmill.ids import Prefix, derived_id
from docmill.objects.base import ObjectStore
from docmill.objects.places import place_of
from docmill.outputs.destinations import Destination, destination_of, remove_result
from docmill.outputs.names import VANISHED, output_names
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.ledger import Ledger
from docmill.records.scans import MAX_VANISHED_NAMES, ScanSuperseded
from docmill.records.syncs import Syncs
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory, Sync
from docmill.settings import Settings
from docmill.sources.choice import source_of

CHUNK = 10_000
"""Vanished files of one read, and of one change of their list."""
MOST_LISTED = 50_000
"""Maximum files of a batch over versions of files, whose rows are written in one transaction. More
are processed by a batch over the whole directory, which skips what is unchanged."""


class SyncService:
    """Runs syncs, for the worker. All effects are idempotent."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, batches: BatchService
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._batches = batches

    async def begin(self, request: SyncRequest) -> SyncBegun:
        """List the source, and start the batch over what is new or changed.

        Raises:
            NotFoundError: the sync does not exist.
            UsageError: the source cannot be listed, or no engine is configured for the job.
            UnavailableError: source, database or Temporal is unavailable.
        """
        async with self._database.read() as session:
            sync = await Syncs(session).get(request.sync_id)
        directory = await self._scan(sync)
        begun, batch = await self._create(sync, directory.id, request)
        if batch is not None and not BatchStatus(batch.status).terminal:
            await self._batches.start(batch)
        return begun

    async def finish(self, begun: SyncBegun, at: datetime) -> SyncResult:
        """Export the batch until it has ended, note what is gone, and advance the watermark.

        Args:
            begun: as `begin` returned it.
            at: time of the sync, for the list of vanished files.

        Raises:
            NotFoundError: results are missing in the store.
            UsageError: the destination may not be written.
            UnavailableError: destination, store or database is unavailable.
        """
        async with self._database.read() as session:
            sync = await Syncs(session).get(begun.sync_id)
        batch, deleted = None, 0
        with closing(destination_of(place_of(sync.out), self._settings.scratch)) as out:
            if begun.batch_id is not None:
                batch = await self._export(begun, begun.batch_id, out)
            if batch is None or batch.status == BatchStatus.COMPLETED:
                deleted = await self._note_vanished(sync, begun, out, at)
                async with self._database.write() as session:
                    await Syncs(session).advance(sync.id, begun.until)
        return await self._result(begun, batch, deleted)

    async def _scan(self, sync: Sync) -> Directory:
        while True:
            try:
                source = source_of(sync.source)
                return (await scan_source(self._database, sync.project_id, source))[0]
            except ScanSuperseded:  # another command lists it, too; this listing must be current
                continue

    async def _create(
        self, sync: Sync, directory_id: str, request: SyncRequest
    ) -> tuple[SyncBegun, Batch | None]:
        async with self._database.write() as session:
            directory = await Directories(session).get(sync.project_id, directory_id)
            since, until = sync.watermark, directory.watermark
            listing: Listing = directory
            fresh, batch = directory.live_count, None
            if since:
                fresh = await Syncs(session).count_fresh(directory_id, since, until)
                if fresh <= MOST_LISTED:
                    listing = await Syncs(session).fresh(directory_id, since, until)
            if fresh:
                batch, _ = await insert_batch(
                    session,
                    self._settings,
                    BatchSpec.model_validate(sync.spec),
                    listing,
                    id=derived_id(Prefix.BATCH, sync.id, request.run_id, until),
                    api="cli",
                    name=directory.name,
                    out=sync.out,
                    namespace=self._batches.namespace,
                )
            begun = SyncBegun(
                sync_id=sync.id,
                directory_id=directory_id,
                batch_id=batch and batch.id,
                since=since,
                until=until,
                total=directory.live_count,
                fresh=fresh,
                vanished=await Syncs(session).count_vanished(directory_id, since, until),
            )
        return begun, batch

    async def _export(self, begun: SyncBegun, batch_id: str, out: Destination) -> Batch:
        batch = await read_batch(self._database, batch_id)
        gone = await self._vanished(begun, 0, MAX_VANISHED_NAMES)
        names = [name for _, name in gone]
        summary = None
        while summary is None:  # a redrive meanwhile belongs to this sync, too
            batch, summary = await export_until_ended(
                self._database,
                self._store,
                batch,
                out,
                vanished=names,
                vanished_count=begun.vanished,
            )
        return batch

    async def _vanished(
        self, begun: SyncBegun, after: int, limit: int
    ) -> Sequence[tuple[int, str]]:
        async with self._database.read() as session:
            return await Syncs(session).vanished(
                begun.directory_id, begun.since, begun.until, after=after, limit=limit
            )

    async def _note_vanished(
        self, sync: Sync, begun: SyncBegun, out: Destination, at: datetime
    ) -> int:
        """Write vanished files into their list; return how many results were deleted."""
        after, deleted = 0, 0
        while rows := await self._vanished(begun, after, CHUNK):
            paths = [path for _, path in rows]
            deleted += await asyncio.to_thread(
                _pass_on, out, paths, at, delete=sync.delete_vanished
            )
            after = rows[-1][0]
        return deleted

    async def _result(self, begun: SyncBegun, batch: Batch | None, deleted: int) -> SyncResult:
        result = SyncResult(
            total=begun.total, fresh=begun.fresh, vanished=begun.vanished, deleted=deleted
        )
        if batch is None:
            return result
        async with self._database.read() as session:
            tally = await Ledger(session).tally(batch)
        found = {"batch_id": batch.id, "status": BatchStatus(batch.status)}
        counts = {"completed": tally.completed, "skipped": tally.skipped, "failed": tally.failed}
        return result.model_copy(update=found | counts)


def _pass_on(out: Destination, paths: Sequence[str], at: datetime, *, delete: bool) -> int:
    deleted = 0
    if delete:
        deleted = sum(remove_result(out, output_names(path)) for path in paths)
    lines = {
        path: json.dumps(
            {"path": path, "noticed_at": at.isoformat(), "deleted": delete}, ensure_ascii=False
        ).encode()
        for path in paths
    }

    def with_lines(known: bytes | None) -> bytes:
        kept = [line for line in (known or b"").splitlines() if _path_of(line) not in lines]
        return b"".join(line + b"\n" for line in (*kept, *lines.values()))

    out.change(VANISHED, with_lines)
    return deleted


def _path_of(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["path"])
    except (ValueError, KeyError, TypeError):
        return None
