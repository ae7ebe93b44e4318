"""Queries over the ledger: items in listing order, groups of failures, counts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.warnings import parse_warnings
from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome, Tally
from docmill.records.counts import counts_of
from docmill.records.items import FailureGroup, ItemRow, UncleanItem
from docmill.records.listing import Listed, listed_with_status, listing_of
from docmill.records.tables.batches import Batch, BatchItem, Result

_PENDING = ItemStatus.PENDING.value


class LedgerReads:
    """Queries over the items of a batch: the frozen listing joined with the ledger."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def items(
        self,
        batch: Batch,
        *,
        status: str | None = None,
        after: int | None = None,
        positions: Sequence[int] | None = None,
        limit: int,
        offset: int | None = None,
    ) -> list[ItemRow]:
        """Return items in listing order; items that no page has reached are pending.

        Args:
            batch: the batch.
            status: only items with this status.
            after: only positions after this one.
            positions: only these positions.
            limit: maximum number of items.
            offset: items to skip; its cost grows with the offset, unlike that of ``after``.
        """
        query = _items_of(batch)
        if status == ItemStatus.PENDING:
            query = query.where(or_(BatchItem.status.is_(None), BatchItem.status == _PENDING))
        elif status is not None:
            query = query.where(BatchItem.status == status)
        if after is not None:
            query = query.where(query.selected_columns.position > after)
        if positions is not None:
            query = query.where(query.selected_columns.position.in_(_padded(positions)))
        query = query.order_by(query.selected_columns.position).limit(limit).offset(offset)
        return [_item(row) for row in await self._session.execute(query)]

    async def statuses(self, batch: Batch, after: int, limit: int) -> list[tuple[int, str]]:
        """Return position and status of the items after position ``after``, in listing order.

        It costs a tenth of reading the items.
        """
        listing = listing_of(batch).c
        known = (BatchItem.batch_id == batch.id) & (BatchItem.position == listing.position)
        query = (
            select(listing.position, func.coalesce(BatchItem.status, _PENDING))
            .outerjoin_from(listing.position.table, BatchItem, known)
            .where(listing.position > after)
            .order_by(listing.position)
            .limit(limit)
        )
        return [(position, status) for position, status in await self._session.execute(query)]

    async def walk(self, batch: Batch, after: int, limit: int) -> list[ItemRow]:
        """Return the items after position ``after``; every page costs the same."""
        return await self.items(batch, after=after, limit=limit)

    async def count(self, batch: Batch, status: str | None = None) -> int:
        """Return the number of items with a status, without reading them; None counts all."""
        if status is None:
            return batch.total
        if status == ItemStatus.PROCESSING:
            query = select(func.count()).where(
                BatchItem.batch_id == batch.id, BatchItem.status == ItemStatus.PROCESSING.value
            )
            return (await self._session.scalar(query)) or 0
        tally = (await counts_of(self._session, [batch.id]))[batch.id]
        if status not in UNFINISHED:
            return int(getattr(tally, Outcome(status).value))
        return batch.total - tally.accounted - await self.count(batch, ItemStatus.PROCESSING)

    async def tally(self, batch: Batch) -> Tally:
        """Return the outcomes counted from the ledger, which is authoritative for the close."""
        query = (
            select(BatchItem.status, func.count())
            .where(BatchItem.batch_id == batch.id, BatchItem.status.not_in(UNFINISHED))
            .group_by(BatchItem.status)
        )
        rows = await self._session.execute(query)
        return Tally(**{Outcome(status).value: count for status, count in rows})

    async def unaccounted(self, batch: Batch, limit: int) -> list[str]:
        """Return the paths of the first listed items without an outcome."""
        rows = await self.without_outcome(batch, limit)
        return [row.path for row in rows]

    async def failure_groups(self, batch: Batch) -> list[FailureGroup]:
        """Return the failed items by class, largest group first."""
        groups = (
            select(
                BatchItem.failure_class,
                func.count().label("count"),
                func.min(BatchItem.position).label("first"),
            )
            .where(BatchItem.batch_id == batch.id, BatchItem.status == Outcome.FAILED.value)
            .group_by(BatchItem.failure_class)
            .subquery()
        )
        query = (
            select(
                groups.c.failure_class,
                groups.c.count,
                BatchItem.path,
                func.coalesce(BatchItem.failure_message, ""),
            )
            .join(BatchItem, BatchItem.position == groups.c.first)
            .where(BatchItem.batch_id == batch.id)
            .order_by(groups.c.count.desc(), groups.c.failure_class)
        )
        return [FailureGroup(*row) for row in await self._session.execute(query)]

    async def skip_reasons(self, batch: Batch) -> dict[str, int]:
        """Return the number of skipped items for each reason."""
        query = (
            select(func.coalesce(BatchItem.skip_reason, ""), func.count())
            .where(BatchItem.batch_id == batch.id, BatchItem.status == Outcome.SKIPPED.value)
            .group_by(BatchItem.skip_reason)
        )
        return dict((await self._session.execute(query)).tuples().all())

    async def without_outcome(
        self, batch: Batch, limit: int, after: int | None = None
    ) -> Sequence[Listed]:
        """Return the first listed items without an outcome, after ``after`` if given."""
        query = listed_with_status(batch, unfinished_only=True).limit(limit)
        if after is not None:
            query = query.where(query.selected_columns.position > after)
        return [Listed(*row) for row in await self._session.execute(query)]

    async def unclean(self, batch: Batch, after: int, limit: int) -> list[UncleanItem]:
        """Return items after ``after`` whose attempts may have stored unreferenced objects."""
        query = (
            select(
                BatchItem.position,
                BatchItem.epoch,
                BatchItem.cleaned_attempts,
                BatchItem.attempts,
                Result.object_prefix,
            )
            .outerjoin(Result, Result.id == BatchItem.result_id)
            .where(
                BatchItem.batch_id == batch.id,
                BatchItem.position > after,
                BatchItem.cleaned_attempts < BatchItem.attempts,
            )
            .order_by(BatchItem.position)
            .limit(limit)
        )
        return [
            UncleanItem(position, epoch, range(cleaned + 1, attempts + 1), prefix)
            for position, epoch, cleaned, attempts, prefix in await self._session.execute(query)
        ]


_WHAT_HAPPENED = (
    func.coalesce(BatchItem.partial, False),
    BatchItem.failure_class,
    BatchItem.failure_message,
    BatchItem.skip_reason,
    BatchItem.pages_total,
    BatchItem.pages_ok,
    BatchItem.pages_failed,
    BatchItem.engine,
    BatchItem.engine_version,
    func.coalesce(BatchItem.attempts, 0),
    BatchItem.started_at,
    BatchItem.finished_at,
)
"""The columns of `ItemRecord` after ``status``."""


def _padded(positions: Sequence[int]) -> list[int]:
    """Repeat the last position up to a power of two.

    The text of a statement depends on the number of values, and SQLite's driver keeps 128 prepared
    statements for each connection. One with a thousand values takes 150 KB.
    """
    if not positions:
        return []
    size = 1 << (len(positions) - 1).bit_length()
    return [*positions, *[positions[-1]] * (size - len(positions))]


def _items_of(batch: Batch) -> Select[Any]:
    """Select the columns of `ItemRow` in order, then both kinds of warnings."""
    listing = listing_of(batch).c
    known = (BatchItem.batch_id == batch.id) & (BatchItem.position == listing.position)
    return (
        select(
            func.coalesce(BatchItem.path, listing.path),
            listing.size,
            func.coalesce(BatchItem.sha256, listing.sha256),
            func.coalesce(BatchItem.status, _PENDING),
            *_WHAT_HAPPENED,
            listing.position,
            listing.item_id,
            listing.name,
            case((BatchItem.job_created_at.is_not(None), BatchItem.job_id)),
            BatchItem.failure_phase,
            Result.purged_at.is_not(None),
            BatchItem.result_id,
            case((Result.purged_at.is_(None), Result.object_prefix)),
            Result.result_sha256,
            Result.media_type,
            BatchItem.warnings,
            Result.warnings,
        )
        .outerjoin_from(listing.position.table, BatchItem, known)
        .outerjoin(Result, Result.id == BatchItem.result_id)
    )


def _item(row: Sequence[Any]) -> ItemRow:
    *columns, own, of_result = row
    warnings = parse_warnings([*(own or ()), *(of_result or ())]) if own or of_result else []
    return ItemRow(*columns, warnings=warnings)
