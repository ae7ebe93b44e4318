"""Frozen listing of a batch as SQL, for both kinds of listings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Select, Subquery, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import UNFINISHED, ItemStatus
from docmill.records.items import job_id_of
from docmill.records.statements import dialect_of, insert_into, table_of
from docmill.records.tables.batches import Batch, BatchItem, BatchListing
from docmill.records.tables.sources import DirectoryFile


class Listed(NamedTuple):
    """One listed item. ``status`` and ``alone`` are None if the ledger has no row for it.

    Attributes:
        by_url: whether its bytes come from a URL.
        alone: whether it needs an activity of its own.
    """

    position: int
    directory_id: str
    sequence: int
    item_id: str
    path: str
    name: str
    file_id: str | None
    size: int
    sha256: str | None
    by_url: bool
    status: str | None
    alone: bool | None


_COLUMNS = (
    DirectoryFile.directory_id,
    DirectoryFile.sequence,
    DirectoryFile.id.label("item_id"),
    DirectoryFile.unique_id.label("path"),
    DirectoryFile.display_name.label("name"),
    DirectoryFile.file_id,
    DirectoryFile.size,
    DirectoryFile.sha256,
    DirectoryFile.source_url.is_not(None).label("by_url"),
)


def listing_of(batch: Batch) -> Subquery:
    """Return the items of ``batch``: ``position`` and the columns of the listing.

    In a directory, the position of an item is its sequence number, and the listing is the set of
    entries visible at the watermark.
    """
    if batch.watermark is None:
        named = select(BatchListing.position, *_COLUMNS).join_from(
            BatchListing,
            DirectoryFile,
            (BatchListing.directory_id == DirectoryFile.directory_id)
            & (BatchListing.sequence == DirectoryFile.sequence),
        )
        return named.where(BatchListing.batch_id == batch.id).subquery("listing")
    visible = select(DirectoryFile.sequence.label("position"), *_COLUMNS).where(
        DirectoryFile.directory_id == batch.directory_id,
        DirectoryFile.sequence <= batch.watermark,
        or_(
            DirectoryFile.removed_sequence.is_(None),
            DirectoryFile.removed_sequence > batch.watermark,
        ),
    )
    return visible.subquery("listing")


def listed_with_status(batch: Batch, *, unfinished_only: bool = False) -> Select[Any]:
    """Select the columns of `Listed`, in listing order.

    Args:
        batch: the batch.
        unfinished_only: whether to select only items without an outcome.
    """
    listing = listing_of(batch).c
    known = (BatchItem.batch_id == batch.id) & (BatchItem.position == listing.position)
    query: Select[Any] = (
        select(*listing, BatchItem.status, BatchItem.alone)
        .outerjoin_from(listing.position.table, BatchItem, known)
        .order_by(listing.position)
    )
    if unfinished_only:
        query = query.where(or_(BatchItem.status.is_(None), BatchItem.status.in_(UNFINISHED)))
    return query


async def add_items(
    session: AsyncSession,
    batch: Batch,
    listed: Sequence[Listed],
    own: Mapping[int, dict[str, Any]] = MappingProxyType({}),
    **fields: Any,
) -> Sequence[int]:
    """Insert ledger rows for listed items without one, pending unless fields override it.

    Args:
        session: a writing session, in whose transaction ``listed`` was read.
        batch: the batch.
        listed: the items.
        own: fields of each item by position, the same for all.
        **fields: fields of all items.

    Returns:
        Positions of the new rows. Other processes may have inserted the rest.
    """
    if not listed:
        return []
    rows = [_values(batch, row) | fields | own.get(row.position, {}) for row in listed]
    if dialect_of(session) == "sqlite":
        # This transaction, the only writer, has seen that the rows are missing.
        await session.execute(table_of(BatchItem).insert(), rows)
        return [row.position for row in listed]
    insert = insert_into(session, BatchItem).on_conflict_do_nothing()
    return (await session.scalars(insert.returning(BatchItem.position), rows)).all()


def _values(batch: Batch, row: Listed) -> dict[str, Any]:
    return {
        "batch_id": batch.id,
        "position": row.position,
        "item_id": row.item_id,
        "directory_id": row.directory_id,
        "sequence": row.sequence,
        "job_id": job_id_of(batch.job_type, batch.id, row.position),
        "epoch": batch.epoch,
        "status": ItemStatus.PENDING.value,
        "path": row.path,
        "size": row.size,
        "sha256": row.sha256,
    }
