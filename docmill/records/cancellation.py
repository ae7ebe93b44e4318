"""Cancellation of a batch: outcomes for all items without one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.webhook_events import JobState
from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome, Tally
from docmill.errors import GUIDES, FailureClass, bounded
from docmill.records.counts import add_counts, counts_of
from docmill.records.ledger_reads import LedgerReads
from docmill.records.listing import add_items
from docmill.records.outbox import JobEvent, Subscribers, record_job_events
from docmill.records.outcomes import SettledItem, note_outcomes
from docmill.records.statements import chunked
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem


async def cancel_rest(
    session: AsyncSession, batch: Batch, limit: int, why: str | None = None
) -> int:
    """Cancel up to ``limit`` items; see `Ledger.cancel_rest`."""
    outcome = _cancelled(why or GUIDES[FailureClass.CANCELLED].meaning)
    cancelled = await _cancel_open(session, batch, limit, outcome)
    if not cancelled:
        cancelled = await _cancel_unlisted(session, batch, limit, outcome)
    if cancelled:
        counted = Tally(cancelled=len(cancelled))
        await add_counts(session, batch.id, cancelled[-1], counted)
        ended = SettledItem(
            batch.project_id,
            Outcome.CANCELLED,
            failure_class=FailureClass.CANCELLED,
            items=len(cancelled),
        )
        note_outcomes(session, [ended])
    return len(cancelled)


async def _cancel_open(
    session: AsyncSession, batch: Batch, limit: int, outcome: dict[str, Any]
) -> Sequence[int]:
    query = (
        select(BatchItem.position, BatchItem.job_id, BatchItem.item_id)
        .where(BatchItem.batch_id == batch.id, BatchItem.status.in_(UNFINISHED))
        .order_by(BatchItem.position)
        .limit(limit)
        .with_for_update()
    )
    rows = (await session.execute(query)).all()
    for some in chunked(rows):
        items = update(BatchItem).where(
            BatchItem.batch_id == batch.id, BatchItem.position.in_([r.position for r in some])
        )
        await session.execute(items.values(outcome))
    await _record_events(session, batch, [JobEvent(row.job_id, row.item_id) for row in rows])
    return [row.position for row in rows]


async def _cancel_unlisted(
    session: AsyncSession, batch: Batch, limit: int, outcome: dict[str, Any]
) -> Sequence[int]:
    """Cancel items without a ledger row: first those after the last page, then any gap."""
    counts = await counts_of(session, [batch.id])
    if counts[batch.id].accounted >= batch.total:
        return []
    reads = LedgerReads(session)
    last = await session.scalar(
        select(func.max(BatchItem.position)).where(BatchItem.batch_id == batch.id)
    )
    rows = await reads.without_outcome(batch, limit, after=last or 0)
    if not rows and last:
        rows = await reads.without_outcome(batch, limit)
    missing = [row for row in rows if row.status is None]
    return await add_items(session, batch, missing, **outcome)


async def _record_events(session: AsyncSession, batch: Batch, jobs: Sequence[JobEvent]) -> None:
    """Write events of cancelled jobs to the outbox, if there are subscribers.

    Items that no page has reached have no job, hence no event.
    """
    subscribers = Subscribers.of(batch, batch.id, batch.epoch)
    await record_job_events(session, subscribers, JobState.CANCELLED, jobs)


def _cancelled(message: str) -> dict[str, Any]:
    return {
        "status": ItemStatus.CANCELLED.value,
        "failure_class": FailureClass.CANCELLED.value,
        "failure_message": bounded(message),
        "finished_at": now(),
    }
