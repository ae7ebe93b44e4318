"""Pages of the frozen listing, and creation of their ledger rows."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.items import ItemGroup, ItemRef, Page, PageRequest
from docmill.contracts.warnings import strict_failure
from docmill.contracts.webhook_events import JobState
from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome, SkipReason, Tally
from docmill.records.counts import add_counts
from docmill.records.items import StaleItem, job_id_of, name_warnings
from docmill.records.listing import Listed, add_items, listed_with_status
from docmill.records.outbox import JobEvent, Subscribers, record_job_events
from docmill.records.outcomes import SettledItem, note_outcomes
from docmill.records.results import Results, StoredResult
from docmill.records.statements import chunked, table_of
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem
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


class _Hit(NamedTuple):
    """A listed item with a stored result for its bytes.

    Attributes:
        listed: the item.
        result: the result.
        own: warnings about the item's name, as stored.
    """

    listed: Listed
    result: StoredResult
    own: list[dict[str, Any]]

    @property
    def warnings(self) -> list[Any]:
        """All warnings of the file, as stored."""
        return [*self.own, *(self.result.warnings or ())]


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
        settled = {
            row.position: Outcome(row.status)
            for row in rows
            if row.status is not None and row.status not in UNFINISHED
        }
        known = await self._known(batch, rows, cache_key_of)
        for position in await self._add(batch, rows, known):
            settled[position] = Outcome.SKIPPED
        counted = Counter(
            outcome.value for at, outcome in settled.items() if at > request.count_after
        )
        tally = Tally(**counted)
        open_rows = [row for row in rows if row.position not in settled]
        alone, groups = (plan or _all_alone)(open_rows, not more)
        return Page(items=alone, groups=groups, cursor=rows[-1].position, more=more, settled=tally)

    async def _range(self, batch: Batch, request: PageRequest) -> Sequence[Listed]:
        query = listed_with_status(batch, unfinished_only=request.unfinished_only)
        query = query.where(query.selected_columns.position > request.after)
        rows = await self._session.execute(query.limit(request.limit + 1))
        return [Listed(*row) for row in rows]

    async def _known(
        self, batch: Batch, rows: Sequence[Listed], cache_key_of: Callable[[str, str], str]
    ) -> dict[int, _Hit]:
        """Return the items with a stored result by position, and lock them and the results."""
        if batch.parameters.get("disable_cache"):
            return {}
        keys = {
            row.position: cache_key_of(row.sha256, row.path)
            for row in rows
            if row.sha256 is not None and row.status in _IDLE
        }
        idle = [row.position for row in rows if row.position in keys and row.status is not None]
        held = await self._locked(batch, idle)
        found = await Results(self._session).use_keys(batch.project_id, set(keys.values()))
        results = {result.cache_key: result for result in found}
        hits = {}
        for row in rows:
            result = results.get(keys.get(row.position, ""))
            if result is None or (row.status is not None and row.position not in held):
                continue
            hit = _Hit(row, result, name_warnings(row.path, result.media_type))
            if strict_failure(batch.strict, hit.warnings) is None:
                hits[row.position] = hit
        return hits

    async def _locked(self, batch: Batch, positions: Sequence[int]) -> set[int]:
        """Lock those rows that were not claimed meanwhile, and return their positions."""
        held: set[int] = set()
        for some in chunked(positions):
            query = (
                select(BatchItem.position)
                .where(
                    BatchItem.batch_id == batch.id,
                    BatchItem.position.in_(some),
                    BatchItem.status == ItemStatus.PENDING.value,
                )
                .order_by(BatchItem.position)
                .with_for_update()
            )
            held.update(await self._session.scalars(query))
        return held

    async def _add(
        self, batch: Batch, rows: Sequence[Listed], known: Mapping[int, _Hit]
    ) -> list[int]:
        """Insert missing ledger rows, and settle items with a stored result.

        Returns:
            The positions of the settled items, in listing order.
        """
        new = [row for row in rows if row.status is None]
        when = now()
        own = {at: _skipped(batch, hit, when) for at, hit in known.items()}
        made = [row for row in new if row.position in known]
        added = {*await add_items(self._session, batch, made, own, job_created_at=when)}
        other = [row for row in new if row.position not in known]
        pending = await add_items(self._session, batch, other)
        await self._record_events(batch, rows, added.union(pending))
        changes = [
            own[row.position] | {"at_batch": batch.id, "at_position": row.position, "made_at": when}
            for row in rows
            if row.position in known and row.status is not None
        ]
        if changes:
            await self._session.execute(_SKIP, changes)
        hits = [hit for at, hit in known.items() if at in added or hit.listed.status is not None]
        if hits:
            await self._note_skipped(batch, hits)
        return [hit.listed.position for hit in hits]

    async def _note_skipped(self, batch: Batch, hits: Sequence[_Hit]) -> None:
        last = hits[-1].listed.position
        await add_counts(self._session, batch.id, last, Tally(skipped=len(hits)))
        skipped = SettledItem(batch.project_id, Outcome.SKIPPED, items=len(hits))
        note_outcomes(self._session, [skipped])
        warned = WarnedFile.among((hit.listed.position, hit.warnings) for hit in hits)
        await add_warned(self._session, batch.id, warned)
        if (subscribers := _subscribers(batch)) is None:
            return
        for state, partial in ((JobState.SUCCESS, False), (JobState.PARTIAL_SUCCESS, True)):
            some = [hit.listed for hit in hits if hit.result.partial is partial]
            await record_job_events(self._session, subscribers, state, _job_events(batch, some))

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


def _skipped(batch: Batch, hit: _Hit, when: datetime) -> dict[str, Any]:
    result = hit.result
    return {
        "epoch": batch.epoch,
        "status": ItemStatus.SKIPPED.value,
        "skip_reason": SkipReason.ALREADY_PROCESSED.value,
        "sha256": hit.listed.sha256,
        "warnings": hit.own or None,
        "result_id": result.id,
        "partial": result.partial,
        "pages_total": result.pages_total,
        "pages_ok": result.pages_ok,
        "pages_failed": result.pages_failed,
        "engine": result.engine,
        "engine_version": result.engine_version,
        "started_at": when,
        "finished_at": when,
    }
