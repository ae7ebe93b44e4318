"""New rows of the ledger, made from rows of the listing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts import ItemStatus
from docmill.records.items import job_id_of
from docmill.records.listing import Listed
from docmill.records.portable import insert_into
from docmill.records.tables import Batch, BatchItem


async def add_items(
    session: AsyncSession, batch: Batch, listed: Sequence[Listed], **fields: Any
) -> Sequence[int]:
    """Write ledger rows for listed items that have none, pending unless ``fields`` say otherwise.

    Returns:
        Positions of the rows that are new; another process may have written the others.
    """
    if not listed:
        return []
    rows = [_values(batch, row) | fields for row in listed]
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
