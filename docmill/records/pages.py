"""Pages of the frozen listing, and creation of their ledger rows."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.items import ItemGroup, ItemRef, Page, PageRequest
from docmill.contracts.warnings import strict_failure
from docmill.contracts.webhook_events import JobState
from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome, SkipReason, Tally
from docmill.records.counts import add_counts
from docmill.records.items import StaleItem, file_warnings, job_id_of, name_warnings
from docmill.records.listing import Listed, add_items, listed_with_status
from docmill.records.outbox import JobEvent, Subscribers, record_job_events
from docmill.records.outcomes import SettledItem, note_outcomes
from docmill.records.results import Results
from docmill.records.statements import chunked, table_of
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem, Result
from docmill.records.warning_counts import WarnedFile, add_warned

_IDLE = (None, ItemStatus.PENDING.value)
"""States in which no worker holds an item."""

_items = table_of(BatchItem)
_SKIP = (
    update(_items)
    .where(
        _items.c.batch_id == bindparam("at_batch"), _items.c.position == bindparam("at_position")
    )
    .values(job_created_at=func.coalesce(_items.c.job_created_at, bindparam("made_at")))
)
"""Settles an item whose result exists. A redriven item has a job already."""

Plan = Callable[[Sequence[Listed], bool], tuple[tuple[ItemRef, ...], tuple[ItemGroup, ...]]]
Hit = tuple[Listed, Result]
"""A listed item and the stored result for its bytes."""


class ListingPages:
    """Reads the listing of a batch, range by range."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def next_page(
        self,
        batch: Batch,
        request: PageRequest,
        cache_key_of: Callable[[str, str], str],
        plan: Plan | None = None,
    ) -> Page:
        """Return the next range of the listing, and insert its missing ledger rows.

        Items with known bytes and a stored result are settled as skipped, unless the parameters set
        ``disable_cache``. The operation is idempotent.

        Args:
            batch: the batch.
            request: the range.
            cache_key_of: returns the cache key for bytes (by sha256) and path in this batch.
            plan: divides items into single items and groups, given whether the listing ends with
                them; None makes all items single.

        Raises:
            StaleItem: the request belongs to an earlier execution.
        """
        if request.epoch != batch.epoch:
            raise StaleItem("This page belongs to an earlier run of the batch.")
        rows = await self._range(batch, request)
        more, rows = len(rows) > request.limit, rows[: request.limit]
        if not rows:
            return Page(cursor=request.after, more=False)
        new = await add_items(self._session, batch, [row for row in rows if row.status is None])
        await self._record_events(batch, rows, frozenset(new))
        settled = {
            row.position: Outcome(row.status)
            for row in rows
            if row.status is not None and row.status not in UNFINISHED
        }
        for position in await self._settle_known(batch, rows, cache_key_of):
            settled[position] = Outcome.SKIPPED
        tally = Tally()
        for position, outcome in settled.items():
            if position > request.count_after:
                tally = tally.plus(outcome)
        open_rows = [row for row in rows if row.position not in settled]
        alone, groups = (plan or _all_alone)(open_rows, not more)
        return Page(items=alone, groups=groups, cursor=rows[-1].position, more=more, settled=tally)

    async def _range(self, batch: Batch, request: PageRequest) -> Sequence[Listed]:
        query = listed_with_status(batch, unfinished_only=request.unfinished_only)
        query = query.where(query.selected_columns.position > request.after)
        rows = await self._session.execute(query.limit(request.limit + 1))
        return [Listed(*row) for row in rows]

    async def _settle_known(
        self, batch: Batch, rows: Sequence[Listed], cache_key_of: Callable[[str, str], str]
    ) -> Sequence[int]:
        """Settle items with a stored result; return their positions."""
        if batch.parameters.get("disable_cache"):
            return []
        keys = {
            row.position: cache_key_of(row.sha256, row.path)
            for row in rows
            if row.sha256 is not None and row.status in _IDLE
        }
        results = await self._results(batch.project_id, sorted(set(keys.values())))
        found = [
            (row, results[keys[row.position]])
            for row in rows
            if row.position in keys
            and (known := results.get(keys[row.position])) is not None
            and strict_failure(
                batch.strict, file_warnings(row.path, known.media_type, known.warnings)
            )
            is None
        ]
        hits = await self._locked(batch, found)
        if hits:
            await self._skip(batch, hits)
        return [row.position for row, _ in hits]

    async def _results(self, project_id: str, keys: Sequence[str]) -> dict[str, Result]:
        found: dict[str, Result] = {}
        for some in chunked(keys):
            query = select(Result).where(
                Result.project_id == project_id,
                Result.cache_key.in_(some),
                Result.purged_at.is_(None),
            )
            found |= {result.cache_key: result for result in await self._session.scalars(query)}
        return found

    async def _locked(self, batch: Batch, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Lock the rows of the hits that were not claimed meanwhile, and return these hits."""
        held: set[int] = set()
        for some in chunked(hits):
            query = (
                select(BatchItem.position)
                .where(
                    BatchItem.batch_id == batch.id,
                    BatchItem.position.in_([row.position for row, _ in some]),
                    BatchItem.status == ItemStatus.PENDING.value,
                )
                .order_by(BatchItem.position)
                .with_for_update()
            )
            held.update(await self._session.scalars(query))
        there = await Results(self._session).use({hit[1].id for hit in hits})
        return [hit for hit in hits if hit[0].position in held and hit[1].id in there]

    async def _skip(self, batch: Batch, hits: Sequence[Hit]) -> None:
        own = {row.position: name_warnings(row.path, result.media_type) for row, result in hits}
        changes = [_skipped(batch, row, result, own[row.position]) for row, result in hits]
        await self._session.execute(_SKIP, changes)
        last = hits[-1][0].position
        await add_counts(self._session, batch.id, last, Tally(skipped=len(hits)))
        skipped = SettledItem(batch.project_id, Outcome.SKIPPED, items=len(hits))
        note_outcomes(self._session, [skipped])
        known = (
            (row.position, [*own[row.position], *(result.warnings or ())]) for row, result in hits
        )
        await add_warned(self._session, batch.id, WarnedFile.among(known))
        for state, partial in ((JobState.SUCCESS, False), (JobState.PARTIAL_SUCCESS, True)):
            some = [row for row, result in hits if result.partial is partial]
            await record_job_events(
                self._session, _subscribers(batch), state, _job_events(batch, some)
            )

    async def _record_events(
        self, batch: Batch, rows: Sequence[Listed], positions: Collection[int]
    ) -> None:
        """Write events of the pending jobs at ``positions``, if there are subscribers."""
        if subscribers := _subscribers(batch):
            new = [row for row in rows if row.position in positions]
            await record_job_events(
                self._session, subscribers, JobState.PENDING, _job_events(batch, new)
            )


def _all_alone(
    rows: Sequence[Listed], _last_page: bool
) -> tuple[tuple[ItemRef, ...], tuple[ItemGroup, ...]]:
    return tuple(ItemRef.of(row.position, row.name) for row in rows), ()


def _job_events(batch: Batch, rows: Sequence[Listed]) -> list[JobEvent]:
    return [
        JobEvent(job_id_of(batch.job_type, batch.id, row.position), row.item_id) for row in rows
    ]


def _subscribers(batch: Batch) -> Subscribers | None:
    return Subscribers.of(batch, batch.id, batch.epoch)


def _skipped(
    batch: Batch, row: Listed, result: Result, own: list[dict[str, Any]]
) -> dict[str, Any]:
    when = now()
    return {
        "at_batch": batch.id,
        "at_position": row.position,
        "epoch": batch.epoch,
        "status": ItemStatus.SKIPPED.value,
        "skip_reason": SkipReason.ALREADY_PROCESSED.value,
        "sha256": row.sha256,
        "warnings": own or None,
        "result_id": result.id,
        "partial": result.partial,
        "pages_total": result.pages_total,
        "pages_ok": result.pages_ok,
        "pages_failed": result.pages_failed,
        "engine": result.engine,
        "engine_version": result.engine_version,
        "started_at": when,
        "finished_at": when,
        "made_at": when,
    }
