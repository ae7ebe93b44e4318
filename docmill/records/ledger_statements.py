"""How the ledger's hot statements are spelled: few, short, built once where they can be."""

from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update

from docmill.contracts import ItemStatus
from docmill.errors import bounded
from docmill.records.items import UNFINISHED, ClaimedItem, Settlement
from docmill.records.outbox import Audience
from docmill.records.portable import Insert, insert_for, table_of
from docmill.records.tables import (
    Batch,
    BatchItem,
    Directory,
    DirectoryFile,
    EngineLease,
    File,
    Result,
    now,
)

LOAD_ITEM = (
    select(
        BatchItem.batch_id,
        BatchItem.position,
        BatchItem.status,
        BatchItem.epoch,
        BatchItem.attempts,
        BatchItem.claimed_by,
        BatchItem.worker_losses,
        BatchItem.engine_failures,
        BatchItem.cleaned_attempts,
        BatchItem.job_id,
        BatchItem.job_created_at,
        BatchItem.item_id,
        BatchItem.path,
        BatchItem.size,
        BatchItem.directory_id,
        BatchItem.sequence,
        Batch.project_id,
        Batch.job_type,
        Batch.parameters,
        Batch.parameters_hash,
        Batch.engine,
        Batch.strict,
        Batch.epoch.label("current_epoch"),
        Batch.paused,
        Batch.cancel_requested,
        Batch.concurrency,
        Batch.api,
        Batch.namespace,
        Batch.webhooks,
        DirectoryFile.display_name,
        DirectoryFile.source_path,
        DirectoryFile.signature,
        DirectoryFile.sha256,
        DirectoryFile.file_id,
        DirectoryFile.source_url,
        DirectoryFile.http_proxy,
        Directory.source,
        File.object_key,
    )
    .select_from(BatchItem)
    .join(Batch, Batch.id == BatchItem.batch_id)
    .join(Directory, Directory.id == BatchItem.directory_id)
    .join(
        DirectoryFile,
        (DirectoryFile.directory_id == BatchItem.directory_id)
        & (DirectoryFile.sequence == BatchItem.sequence),
    )
    .outerjoin(File, File.id == DirectoryFile.file_id)
    .where(BatchItem.batch_id == bindparam("batch_id"), BatchItem.position == bindparam("position"))
    .with_for_update(of=BatchItem)
)
_items, _listed = map(table_of, (BatchItem, DirectoryFile))
_results = table_of(Result)
_leases = table_of(EngineLease)

CLAIM = update(_items).where(
    _items.c.batch_id == bindparam("at_batch"), _items.c.position == bindparam("at_position")
)

CHANGE_IF_HELD = CLAIM.where(
    _items.c.epoch == bindparam("at_epoch"),
    _items.c.attempts == bindparam("at_attempt"),
    or_(*(_items.c.status == status for status in UNFINISHED)),
).returning(_items.c.position)
"""Changes an item if a claim is its latest, and nobody has given it an outcome."""

RELEASE = delete(_leases).where(
    _leases.c.project_id == bindparam("of_project"), _leases.c.cache_key == bindparam("of_key")
)
"""The result is there: nobody needs to wait for it any more."""

LEARN_SHA256 = update(_listed).where(
    _listed.c.directory_id == bindparam("at_directory"),
    _listed.c.sequence == bindparam("at_sequence"),
    _listed.c.sha256.is_(None),
)


@cache
def keep_result(dialect: str) -> Insert:
    """Store a result, unless one with its cache key, and so with its id, is there.

    One that was purged is there only by name: what was made anew takes its place.
    """
    insert = insert_for(dialect, Result)
    anew = {
        column.name: insert.excluded[column.name] for column in _results.c if column.name != "id"
    }
    return insert.on_conflict_do_update(
        index_elements=["id"], set_=anew, where=_results.c.purged_at.is_not(None)
    )


def claimed_item(row: Any, *, epoch: int, attempt: int, losses: int) -> ClaimedItem:
    """Turn a row of `LOAD_ITEM` into the item as its worker gets it."""
    return ClaimedItem(
        batch_id=row.batch_id,
        epoch=epoch,
        position=row.position,
        attempt=attempt,
        worker_losses=losses,
        engine_failures=row.engine_failures,
        cleaned_attempts=row.cleaned_attempts,
        job_id=row.job_id,
        item_id=row.item_id,
        path=row.path,
        name=row.display_name,
        size=row.size,
        sha256=row.sha256,
        project_id=row.project_id,
        job_type=row.job_type,
        parameters=row.parameters,
        parameters_hash=row.parameters_hash,
        engine=row.engine,
        strict=row.strict,
        source=row.source if row.object_key is None else None,
        source_path=row.source_path,
        signature=row.signature,
        object_key=row.object_key,
        directory_id=row.directory_id,
        sequence=row.sequence,
        source_url=row.source_url,
        http_proxy=row.http_proxy,
        audience=Audience.of(row, row.batch_id, epoch),
    )


def taken(item: ClaimedItem, worker: str, made_at: datetime | None) -> dict[str, Any]:
    """Return the values of `CLAIM`; the item's job was made at ``made_at``, or is made now."""
    when = now()
    return {
        "at_batch": item.batch_id,
        "at_position": item.position,
        "status": ItemStatus.PROCESSING.value,
        "epoch": item.epoch,
        "attempts": item.attempt,
        "worker_losses": item.worker_losses,
        "claimed_by": worker,
        "started_at": when,
        "job_created_at": made_at or when,
    }


def held_by(item: ClaimedItem) -> dict[str, Any]:
    """Return which claim `CHANGE_IF_HELD` asks for."""
    return {
        "at_batch": item.batch_id,
        "at_position": item.position,
        "at_epoch": item.epoch,
        "at_attempt": item.attempt,
    }


def released(item: ClaimedItem, cache_key: str) -> dict[str, Any]:
    """Return which lease `RELEASE` ends."""
    return {"of_project": item.project_id, "of_key": cache_key}


def outcome_values(settlement: Settlement) -> dict[str, Any]:
    """Return the ledger columns of an outcome."""
    values = {field.name: getattr(settlement, field.name) for field in fields(settlement)}
    for kept_elsewhere in ("outcome", "result", "existing_result_id"):
        del values[kept_elsewhere]
    for unknown in ("sha256", "cleaned_attempts"):
        if values[unknown] is None:
            del values[unknown]
    message = settlement.failure_message
    return values | {
        "status": settlement.outcome.value,
        "failure_message": None if message is None else bounded(message),
        "finished_at": now(),
    }
