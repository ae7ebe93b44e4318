"""Exports of batches by workers: results go to their destination while the batch runs."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing, suppress

from docmill.contracts.exports import ExportInput, ExportResult
from docmill.contracts.scans import RUN_FILE
from docmill.contracts.words import BatchStatus
from docmill.errors import DocmillError, bounded
from docmill.objects.base import ObjectStore
from docmill.objects.places import place_of
from docmill.outputs.destinations import Destination, destination_of
from docmill.outputs.export import Exporter
from docmill.outputs.manifest import ManifestSummary
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

EXPORT_SECONDS = 1.0
"""Between two exports of finished files."""


class ExportService:
    """Exports batches of the HTTP API, for the worker. All effects are idempotent."""

    def __init__(self, database: Database, store: ObjectStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._settings = settings

    async def export(self, request: ExportInput) -> ExportResult:
        """Export a batch until it has ended, and record the end or the error in its row.

        Raises:
            NotFoundError: the batch does not exist, or results are missing in the store.
            UsageError: the destination may not be written.
            UnavailableError: destination, store or database is unavailable.
        """
        batch = await read_batch(self._database, request.batch_id)
        if batch.out is None or batch.epoch != request.epoch:
            return ExportResult()
        try:
            with closing(destination_of(place_of(batch.out), self._settings.scratch)) as out:
                await asyncio.to_thread(_mark, out, batch)
                _, summary = await export_until_ended(self._database, self._store, batch, out)
        except DocmillError as error:
            with suppress(DocmillError):
                await self._record(batch, export_error=bounded(error.message))
            raise
        if summary is None:
            return ExportResult()
        await self._record(batch, export_error=None, exported_at=now())
        return ExportResult(rows=summary.rows)

    async def _record(self, batch: Batch, **fields: object) -> None:
        async with self._database.write() as session:
            if (await Batches(session).get(None, batch.id)).epoch == batch.epoch:
                await Batches(session).set_state(batch.id, **fields)


async def export_until_ended(
    database: Database,
    store: ObjectStore,
    batch: Batch,
    out: Destination,
    *,
    vanished: Sequence[str] = (),
    vanished_count: int = 0,
) -> tuple[Batch, ManifestSummary | None]:
    """Export the results of a batch as they finish, and the manifest when it has ended.

    Args:
        database: of the ledger.
        store: has the results.
        batch: the batch.
        out: where they go.
        vanished: as for `Exporter.finish`.
        vanished_count: likewise.

    Returns:
        The row of the ended batch, and its manifest; None if the batch was redriven meanwhile.
    """
    epoch = batch.epoch
    with Exporter(database, store, batch, out) as exporter:
        while not BatchStatus(batch.status).terminal:
            await exporter.export_ready()
            await asyncio.sleep(EXPORT_SECONDS)
            batch = await read_batch(database, batch.id)
            if batch.epoch != epoch:
                return batch, None
        return batch, await exporter.finish(vanished=vanished, vanished_count=vanished_count)


async def read_batch(database: Database, batch_id: str) -> Batch:
    """Return the current row of a batch."""
    async with database.read() as session:
        return await Batches(session).get(None, batch_id)


def _mark(out: Destination, batch: Batch) -> None:
    """Mark the destination as results, so that no listing takes them for documents."""
    owner = {"folder": batch.directory_id or batch.id, "job": batch.job_type}
    data = f"{json.dumps(owner)}\n".encode()
    out.change(RUN_FILE, lambda known: data if known is None else known)
