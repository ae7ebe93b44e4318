"""Prebuilt statements of the ledger's hot path."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update

from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome
from docmill.errors import bounded
from docmill.records.items import GROUP_MARK, ClaimedItem, Settlement
from docmill.records.outbox import Subscribers
from docmill.records.results import result_id_of
from docmill.records.statements import table_of
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem
from docmill.records.tables.sources import Directory, DirectoryFile, File

_items, _batches, _directories, _listed, _files = map(
    table_of, (BatchItem, Batch, Directory, DirectoryFile, File)
)

_AT_PLACE = and_(
    _items.c.batch_id == bindparam("at_batch"),
    _items.c.position.in_(bindparam("at_positions", expanding=True)),
)

LOAD_ITEMS = (
    select(
        _items.c.batch_id,
        _items.c.position,
        _items.c.status,
        _items.c.epoch,
        _items.c.attempts,
        _items.c.claimed_by,
        _items.c.worker_losses,
        _items.c.engine_failures,
        _items.c.cleaned_attempts,
        _items.c.job_id,
        _items.c.item_id,
        _items.c.path,
        _items.c.size,
        _items.c.directory_id,
        _items.c.sequence,
        _batches.c.project_id,
        _batches.c.job_type,
        _batches.c.parameters,
        _batches.c.parameters_hash,
        _batches.c.engine,
        _batches.c.strict,
        _batches.c.epoch.label("current_epoch"),
        _batches.c.paused,
        _batches.c.cancel_requested,
        _batches.c.concurrency,
        _batches.c.api,
        _batches.c.namespace,
        _batches.c.webhooks,
        _listed.c.display_name,
        _listed.c.source_path,
        _listed.c.signature,
        _listed.c.sha256,
        _listed.c.source_url,
        _listed.c.http_proxy,
        _directories.c.source,
        _files.c.object_key,
    )
    .select_from(_items)
    .join(_batches, _batches.c.id == _items.c.batch_id)
    .join(_directories, _directories.c.id == _items.c.directory_id)
    .join(
        _listed,
        (_listed.c.directory_id == _items.c.directory_id)
        & (_listed.c.sequence == _items.c.sequence),
    )
    .outerjoin(_files, _files.c.id == _listed.c.file_id)
    .where(_AT_PLACE)
    .order_by(_items.c.position)
)
"""Reads items with all data that a worker needs."""

LOCK_ITEMS = LOAD_ITEMS.with_for_update(of=_items)
"""The same with row locks."""

HOLD_ITEMS = (
    select(_items.c.position, _items.c.epoch, _items.c.attempts)
    .where(_AT_PLACE, _items.c.status.in_(UNFINISHED))
    .order_by(_items.c.position)
    .with_for_update()
)
"""Locks items without an outcome, and returns their latest claim."""

CLAIM_ITEMS = (
    update(_items)
    .where(_AT_PLACE)
    .values(
        status=ItemStatus.PROCESSING.value,
        epoch=bindparam("at_epoch"),
        attempts=_items.c.attempts + 1,
        worker_losses=_items.c.worker_losses
        + case(
            (
                and_(
                    _items.c.status == ItemStatus.PROCESSING.value,
                    _items.c.claimed_by != bindparam("at_process"),
                    ~_items.c.claimed_by.contains(GROUP_MARK),
                ),
                1,
            ),
            else_=0,
        ),
        claimed_by=bindparam("at_worker"),
        started_at=bindparam("at_time"),
        job_created_at=func.coalesce(_items.c.job_created_at, bindparam("at_time")),
    )
)

CHANGE_ITEM = update(_items).where(
    _items.c.batch_id == bindparam("at_batch"), _items.c.position == bindparam("at_position")
)
"""Updates a locked item."""

SETTLE_ITEM = CHANGE_ITEM.values(
    sha256=func.coalesce(bindparam("read_sha256"), _items.c.sha256),
    cleaned_attempts=func.coalesce(bindparam("cleaned"), _items.c.cleaned_attempts),
    finished_at=bindparam("at_time"),
    job_created_at=func.coalesce(_items.c.job_created_at, bindparam("at_time")),
)
"""Settles a locked item."""

CHANGE_IF_HELD = CHANGE_ITEM.where(
    _items.c.epoch == bindparam("at_epoch"),
    _items.c.attempts == bindparam("at_attempt"),
    or_(*(_items.c.status == status for status in UNFINISHED)),
).returning(_items.c.position)
"""Updates an item if the claim is its latest, and it has no outcome."""

LEARN_SHA256 = update(_listed).where(
    _listed.c.directory_id == bindparam("at_directory"),
    _listed.c.sequence == bindparam("at_sequence"),
    _listed.c.sha256.is_(None),
)


def claimed_item(row: Any, epoch: int, attempt: int, losses: int) -> ClaimedItem:
    """Convert a row of `LOAD_ITEMS` to a claimed item."""
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
        subscribers=Subscribers.of(row, row.batch_id, epoch),
    )


def held_by(item: ClaimedItem) -> dict[str, Any]:
    """Return the bind values of a claim for `CHANGE_IF_HELD`."""
    return {
        "at_batch": item.batch_id,
        "at_position": item.position,
        "at_epoch": item.epoch,
        "at_attempt": item.attempt,
    }


def result_id_for(item: ClaimedItem, settlement: Settlement) -> str | None:
    """Return the id of the result of a settled item, or None."""
    if settlement.result is not None and settlement.outcome is Outcome.COMPLETED:
        return result_id_of(item.project_id, settlement.result.cache_key)
    return settlement.existing_result_id


def outcome_values(
    item: ClaimedItem, settlement: Settlement, unnamed: Collection[str]
) -> dict[str, Any]:
    """Return the bind values of `SETTLE_ITEM`.

    Args:
        item: the claim.
        settlement: outcome of the item.
        unnamed: prefixes of redundant results, whose files still have to be deleted.
    """
    values = {field.name: getattr(settlement, field.name) for field in fields(settlement)}
    for elsewhere in ("outcome", "result", "existing_result_id", "sha256", "cleaned_attempts"):
        del values[elsewhere]
    message, result = settlement.failure_message, settlement.result
    in_vain = result is not None and result.object_prefix in unnamed
    return values | {
        "at_batch": item.batch_id,
        "at_position": item.position,
        "at_time": now(),
        "read_sha256": settlement.sha256,
        "cleaned": None if in_vain else settlement.cleaned_attempts,
        "status": settlement.outcome.value,
        "failure_message": None if message is None else bounded(message),
        "result_id": result_id_for(item, settlement),
    }
