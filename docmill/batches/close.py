"""Closes a batch: checks outcomes against the listing, writes the manifest, updates the row.

All steps are idempotent.
"""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from docmill.contracts.batches import BatchResult, CloseRequest
from docmill.contracts.words import OPEN_BATCHES, BatchStatus, Tally
from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore
from docmill.objects.results import delete_result, result_prefix
from docmill.objects.staging import Staging
from docmill.outputs.manifest import ManifestRow, write_manifest
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.leases import Leases
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch

CHUNK = 5_000
"""Rows of one transaction or read, so that other writers do not wait long."""
LISTED = 1_000
"""Rows of the manifest in memory: each takes 3 KB."""

NAMED = 20
"""Maximum files without an outcome in a message."""


async def close_batch(
    database: Database, store: ObjectStore, scratch: Path, request: CloseRequest
) -> BatchResult:
    """End a batch, or return the files that have no outcome yet.

    A batch that has already ended is not changed, and neither is one with a newer epoch than the
    request. The manifest is written in a folder below ``scratch`` first. A batch that could not be
    opened has no row; its result is empty.

    Raises:
        NotFoundError: a batch that would be completed has no row.
    """
    try:
        async with database.read() as session:
            batch = await Batches(session).get(None, request.batch_id)
    except NotFoundError:
        if request.ending is BatchStatus.COMPLETED:  # the row was lost, by an older backup
            raise
        return _unopened(request)
    if BatchStatus(batch.status).terminal or request.epoch not in (0, batch.epoch):
        return await _result(database, batch)
    if request.ending is not BatchStatus.COMPLETED:
        await _cancel_rest(database, batch, request)
    if request.ending is not BatchStatus.FAILED and (missing := await _missing(database, batch)):
        return (await _result(database, batch)).model_copy(update={"unaccounted": missing})
    await _remove_unnamed(database, store, batch)
    key, sha256 = await _write_manifest(database, store, scratch, batch)
    async with database.write() as session:
        await Leases(session).forget(batch.id)
        await Batches(session).move(
            batch.id,
            request.ending,
            from_=OPEN_BATCHES,
            epoch_is=batch.epoch,
            reason=request.reason,
            ended_at=datetime.now(UTC),
            manifest_key=key,
            manifest_sha256=sha256,
        )
        batch = await Batches(session).get(None, batch.id)
    return await _result(database, batch)


def _unopened(request: CloseRequest) -> BatchResult:
    return BatchResult(
        batch_id=request.batch_id,
        status=request.ending,
        total=0,
        tally=Tally(),
        reason=request.reason,
    )


async def _cancel_rest(database: Database, batch: Batch, request: CloseRequest) -> None:
    """Cancel all items without an outcome."""
    why = None
    if request.ending is BatchStatus.FAILED:
        why = f"The batch ended before this file was done: {request.reason or 'it failed'}."
    while True:
        async with database.write() as session:
            if not await Ledger(session).cancel_rest(batch, CHUNK, why):
                return


async def _missing(database: Database, batch: Batch) -> tuple[str, ...]:
    async with database.read() as session:
        return tuple(await Ledger(session).unaccounted(batch, NAMED))


async def _result(database: Database, batch: Batch) -> BatchResult:
    async with database.read() as session:
        tally = await Ledger(session).tally(batch)
    return BatchResult(
        batch_id=batch.id,
        status=BatchStatus(batch.status),
        total=batch.total,
        tally=tally,
        manifest_key=batch.manifest_key,
        reason=batch.reason,
    )


async def _remove_unnamed(database: Database, store: ObjectStore, batch: Batch) -> None:
    """Delete results that attempts stored but did not record, because their workers died."""
    after = 0
    while True:
        async with database.read() as session:
            items = await Ledger(session).unclean(batch, after, CHUNK)
        for item in items:
            for attempt in item.attempts:
                prefix = result_prefix(
                    batch.project_id, batch.id, item.position, item.epoch, attempt
                )
                if prefix != item.object_prefix:
                    await delete_result(store, prefix)
        if len(items) < CHUNK:
            return
        after = items[-1].position


async def _write_manifest(
    database: Database, store: ObjectStore, scratch: Path, batch: Batch
) -> tuple[str, str]:
    """Write both formats of the manifest to the store; return key and hash of the JSONL."""
    prefix = f"batches/{batch.id}/{batch.epoch}"
    with closing(Staging.below(scratch)) as staging, staging.folder() as folder:
        summary = await write_manifest(_rows(database, batch), folder, left_out=batch.left_out)
        for file in ("manifest.jsonl", "manifest.parquet"):
            await store.put_file(f"{prefix}/{file}", folder / file)
    return f"{prefix}/manifest.jsonl", summary.sha256


async def _rows(database: Database, batch: Batch) -> AsyncIterator[ManifestRow]:
    after = 0
    while True:
        async with database.read() as session:
            items = await Ledger(session).walk(batch, after, LISTED)
        for item in items:
            yield ManifestRow.of(item)
        if len(items) < LISTED:
            return
        after = items[-1].position
