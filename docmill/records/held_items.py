"""Items that a batch holds back: it is paused, ending, or at its concurrency limit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.items import ItemTask
from docmill.contracts.words import ENDED_BATCHES, ItemStatus
from docmill.records.items import GROUP_MARK
from docmill.records.statements import run, table_of
from docmill.records.tables.batches import Batch, BatchItem

_batches = table_of(Batch).c
_STEERED = select(
    _batches.paused, _batches.cancel_requested, _batches.status, _batches.epoch
).where(_batches.id == bindparam("of_batch"))


async def held_back(
    session: AsyncSession, row: Any, tasks: Sequence[ItemTask], *, together: bool
) -> frozenset[int]:
    """Return the positions of items that must not start now.

    An activity may have waited in its task queue since before its batch was paused, cancelled or
    slowed down. Workflows of versions without this feature are exempt.

    Args:
        session: session of the claim's transaction.
        row: one of the items, with ``paused``, ``cancel_requested`` and ``concurrency`` of its
            batch.
        tasks: planned items of one batch.
        together: whether they are one activity; otherwise each is its own.
    """
    planned = {it.position: it.planned_concurrency for it in tasks if it.planned_concurrency}
    if row.paused or row.cancel_requested:
        return frozenset(planned)
    concurrency: int = row.concurrency
    beyond = sorted(position for position, most in planned.items() if most > concurrency)
    if not beyond:
        return frozenset()  # the workflow plans within this limit
    room = max(0, concurrency - await _others_at_work(session, tasks))
    if together:
        return frozenset() if room else frozenset(beyond)
    return frozenset(beyond[room:])


async def must_stop(session: AsyncSession, batch_id: str, epoch: int) -> bool:
    """Return whether a group must not start items: the batch is paused, ending, or was redriven.

    Args:
        session: session of any transaction.
        batch_id: the batch.
        epoch: epoch of the group's items.
    """
    row = (await run(session, _STEERED, {"of_batch": batch_id})).one()
    return row.paused or row.cancel_requested or row.status in ENDED_BATCHES or row.epoch != epoch


async def _others_at_work(session: AsyncSession, tasks: Sequence[ItemTask]) -> int:
    """Count the other activities with claimed items. Claims of a batch are serialized.

    A group counts once.
    """
    batch_id = tasks[0].batch_id
    await session.execute(
        select(Batch.id).where(Batch.id == batch_id).with_for_update(key_share=True)
    )
    others = (
        BatchItem.batch_id == batch_id,
        BatchItem.status == ItemStatus.PROCESSING.value,
        BatchItem.position.not_in([task.position for task in tasks]),
    )
    grouped = BatchItem.claimed_by.contains(GROUP_MARK)
    items = await session.scalar(select(func.count()).where(*others, ~grouped))
    groups = select(func.count(distinct(BatchItem.claimed_by))).where(*others, grouped)
    return (items or 0) + (await session.scalar(groups) or 0)
