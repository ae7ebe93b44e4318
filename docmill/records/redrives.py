"""Redrives: further executions of an ended batch.

The batch row moves to the next epoch first, and stores the selection of the redrive. The items
follow in chunks, in short transactions. After a crash, the row shows what is left to do.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import (
    ENDED_BATCHES,
    UNFINISHED,
    BatchStatus,
    ItemStatus,
    Outcome,
    SkipReason,
    Tally,
)
from docmill.records.batches import Batches
from docmill.records.counts import add_counts, counts_of
from docmill.records.statements import chunked
from docmill.records.tables.attempts import PastAttempt, PastOutcome
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem

_KEPT = tuple(PastOutcome.__table__.columns.keys())
_FRESH: dict[str, Any] = {
    "status": ItemStatus.PENDING.value,
    "claimed_by": None,
    "engine_failures": 0,
    "worker_losses": 0,
    "alone": False,
    **dict.fromkeys(("failure_class", "failure_message", "failure_phase", "skip_reason")),
    **dict.fromkeys(("engine", "engine_version", "started_at", "finished_at")),
    **dict.fromkeys(("warnings", "job_deleted_at")),
}
"""Columns that a redriven item loses. The number of attempts stays, because it fences claims."""


class Redrives:
    """Starts redrives, and resets their items."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, batch: Batch, only: str | None, **fields: Any) -> bool:
        """Move an ended batch to its next epoch, waiting to run; store the history of the last one.

        Args:
            batch: as read in this transaction.
            only: failure class of the selected items; None selects all unfinished items.
            fields: other columns of the batch to change.

        Returns:
            False, with nothing changed, if another process started a redrive first.
        """
        tally = (await counts_of(self._session, [batch.id]))[batch.id]
        past = _past_attempt(batch, tally)
        begun = await Batches(self._session).move(
            batch.id,
            BatchStatus.PENDING,
            from_=ENDED_BATCHES,
            epoch=batch.epoch + 1,
            redrive_only=only,
            queued_at=now(),
            cancel_requested=False,
            drain=False,
            paused=False,
            **dict.fromkeys(("reason", "started_at", "ended_at", "exported_at", "export_error")),
            **fields,
        )
        if begun:
            await self._session.execute(insert(PastAttempt).values(past))
        return begun

    async def has_work(self, batch: Batch, only: str | None) -> bool:
        """Return whether a redrive would select any item."""
        tally = (await counts_of(self._session, [batch.id]))[batch.id]
        if tally.accounted < batch.total:
            return True
        query = select(BatchItem.position).where(BatchItem.batch_id == batch.id, _selected(only))
        return await self._session.scalar(query.limit(1)) is not None

    async def reset_items(self, batch: Batch, limit: int) -> int:
        """Reset up to ``limit`` selected items to pending; call until it returns 0.

        Their outcomes move to the history, and the counts follow. Their jobs keep their ids;
        deleted jobs are restored.
        """
        rows = await self._of_earlier_attempts(batch, limit)
        for some in chunked(rows):
            positions = [row.position for row in some]
            past = [_past_outcome(row) for row in some if row.status not in UNFINISHED]
            if past:
                await self._session.execute(insert(PastOutcome), past)
            items = update(BatchItem).where(
                BatchItem.batch_id == batch.id, BatchItem.position.in_(positions)
            )
            fresh = {**_FRESH, "cleaned_attempts": BatchItem.attempts, "epoch": batch.epoch}
            await self._session.execute(items.values(fresh))
        if rows:
            await add_counts(self._session, batch.id, rows[-1].position, _outcomes_of(rows))
        return len(rows)

    async def record_settled(self, batch: Batch) -> None:
        """Record how many items had an outcome when this execution began."""
        tally = (await counts_of(self._session, [batch.id]))[batch.id]
        await Batches(self._session).set_state(batch.id, settled_before=tally.accounted)

    async def _of_earlier_attempts(self, batch: Batch, limit: int) -> Sequence[Row[Any]]:
        columns = [getattr(BatchItem, name) for name in (*_KEPT, "job_id")]
        query: Select[Any] = (
            select(*columns)
            .where(
                BatchItem.batch_id == batch.id,
                BatchItem.epoch < batch.epoch,
                _selected(batch.redrive_only),
            )
            .order_by(BatchItem.position)
            .limit(limit)
            .with_for_update()
        )
        rows: Sequence[Row[Any]] = (await self._session.execute(query)).all()
        return rows


class RedriveHistory:
    """History of earlier executions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def attempts(self, batch_id: str) -> Sequence[PastAttempt]:
        """Return the earlier executions of a batch, oldest first."""
        query = select(PastAttempt).where(PastAttempt.batch_id == batch_id)
        return (await self._session.scalars(query.order_by(PastAttempt.epoch))).all()

    async def outcomes(self, batch_id: str, item_id: str) -> Sequence[PastOutcome]:
        """Return the earlier outcomes of one directory file in a batch, oldest first."""
        same = (PastOutcome.batch_id == BatchItem.batch_id) & (
            PastOutcome.position == BatchItem.position
        )
        query = select(PastOutcome).join(BatchItem, same)
        query = query.where(BatchItem.batch_id == batch_id, BatchItem.item_id == item_id)
        return (await self._session.scalars(query.order_by(PastOutcome.epoch))).all()


def _selected(only: str | None) -> ColumnElement[bool]:
    """Select the items of a redrive; items without an outcome always belong to it."""
    unfinished = BatchItem.status.in_(UNFINISHED)
    too_large = and_(
        BatchItem.status == ItemStatus.SKIPPED.value,
        BatchItem.skip_reason == SkipReason.SIZE_LIMIT_EXCEEDED.value,
    )
    failed = BatchItem.status.in_([ItemStatus.FAILED.value, ItemStatus.CANCELLED.value])
    if only is None:
        return or_(unfinished, failed, too_large)
    if only == SkipReason.SIZE_LIMIT_EXCEEDED:
        return or_(unfinished, too_large)
    return or_(unfinished, failed & (BatchItem.failure_class == only))


def _past_attempt(batch: Batch, tally: Tally) -> dict[str, Any]:
    names = tuple(PastAttempt.__table__.columns.keys())
    values = {name: getattr(batch, name) for name in names if hasattr(Batch, name)}
    return values | {
        "batch_id": batch.id,
        "only": batch.redrive_only,
        "tally": tally.model_dump(),
    }


def _past_outcome(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _KEPT}


def _outcomes_of(rows: Sequence[Row[Any]]) -> Tally:
    """Return the outcomes of these items, to be subtracted from the counts."""
    tally = Tally()
    for row in rows:
        if row.status not in UNFINISHED:
            tally = tally.plus(Outcome(row.status), -1)
    return tally
