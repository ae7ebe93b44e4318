"""Whether a batch holds its items back: paused, ending, or with more in flight than it may."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts import ItemStatus, ItemTask
from docmill.records.tables import Batch, BatchItem


async def is_held(session: AsyncSession, row: Any, task: ItemTask) -> bool:
    """Return whether the item of ``task`` must not begin now.

    An activity may have waited in its task queue since before its batch was paused, cancelled or
    slowed down. A workflow that does not understand being refused is never refused.

    Args:
        session: of the claim's transaction.
        row: the item, with ``paused``, ``cancel_requested`` and ``concurrency`` of its batch.
        task: what the workflow planned.
    """
    if task.planned_concurrency is None:
        return False
    if row.paused or row.cancel_requested:
        return True
    concurrency: int = row.concurrency
    if task.planned_concurrency <= concurrency:
        return False  # the workflow plans no more than that
    return await _others_at_work(session, task) >= concurrency


async def _others_at_work(session: AsyncSession, task: ItemTask) -> int:
    """Count the other items that workers hold, one claim at a time: of two, one sees the other."""
    await session.execute(
        select(Batch.id).where(Batch.id == task.batch_id).with_for_update(key_share=True)
    )
    others = select(func.count()).where(
        BatchItem.batch_id == task.batch_id,
        BatchItem.status == ItemStatus.PROCESSING.value,
        BatchItem.position != task.position,
    )
    return (await session.scalar(others)) or 0
