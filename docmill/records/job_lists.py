"""Pages of job lists: a bounded walk over batches, newest first.

No query sorts data that grows with the batches or their items. Chunks of batches are read by the
index of their creation, together with whether they have items in a wanted state. The items of those
batches are read by the index of state and position. The number of rows that a page reads is
bounded, whatever the filters exclude.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import BatchStatus, ItemStatus, JobStatus
from docmill.errors import UsageError
from docmill.records.keyset import CreatedRange
from docmill.records.statements import chunked, is_one_of
from docmill.records.tables.attempts import PastAttempt
from docmill.records.tables.batches import JOBS_WITHOUT_RESULT, Batch, BatchItem

MAX_READ = 10_000
"""Index entries after which a page with a job ends, even below its limit. A page without jobs
continues, because clients take an empty page for the end of the list."""
GROUP = 2_000
"""Maximum items that one statement reads."""
GROWTH = 4
"""Growth of the chunk from one statement to the next. Most pages are full after the first."""
SKEW = timedelta(hours=1)
"""Maximum clock difference of two hosts. A batch and its jobs have timestamps of several hosts."""
BEHIND_ALL = 2**62
"""A position after every item of a batch."""


class JobFilters(CreatedRange, total=False):
    """Filters of a list of jobs. A missing filter or None selects all."""

    status: str | None
    job_type: str | None
    job_ids: Sequence[str] | None
    configuration_id: str | None
    input_kind: str | None
    """Kind of input in the request. The items of a batch are files."""
    file_input: str | None
    """Name of the input in the request. The item of a batch has a separate id."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of jobs: by batch, newest first, then by position."""

    created_at: datetime
    batch_id: str
    position: int

    @property
    def inside(self) -> bool:
        """Whether jobs of the same batch may follow this place."""
        return self.position < BEHIND_ALL

    def behind(self, other: "Place") -> bool:
        """Return whether this place comes after ``other``."""
        mine, theirs = (self.created_at, self.batch_id), (other.created_at, other.batch_id)
        return mine < theirs or (mine == theirs and self.position > other.position)

    def token(self) -> str:
        """Return the opaque token of this place."""
        place = [self.created_at.isoformat(), self.batch_id, self.position]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()

    @classmethod
    def read(cls, token: str) -> "Place":
        """Parse a token.

        Raises:
            UsageError: the token is invalid.
        """
        try:
            created_at, batch_id, position = json.loads(
                base64.b64decode(token, altchars=b"-_", validate=True)
            )
            moment = datetime.fromisoformat(created_at).astimezone(UTC)
            return cls(moment, str(batch_id), int(position))
        except (ValueError, TypeError, OverflowError):
            raise UsageError(
                "The page token is not valid.",
                "Pass next_page_token of the page before, unchanged.",
            ) from None


_PARTIAL = (ItemStatus.PENDING, ItemStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class _Stream:
    """Items of a batch in one state, as returned by one index.

    Attributes:
        batches: states of a batch in which jobs of these items have the wanted status.
        partial: whether the index is that of jobs without a result.
    """

    status: ItemStatus
    batches: frozenset[BatchStatus]
    partial: bool

    def of(self, batch: ColumnElement[bool]) -> Sequence[Any]:
        """Return the conditions."""
        mine = (batch, BatchItem.status == self.status.value)
        return (*mine, JOBS_WITHOUT_RESULT) if self.partial else mine


def _streams(status: str | None) -> Sequence[_Stream]:
    """Return the streams that contain the items of jobs with ``status``."""
    found = []
    for item in ItemStatus:
        results = (False,) if item in _PARTIAL else (True, False)
        batches = frozenset(
            batch
            for batch in BatchStatus
            for has_result in results
            if status in (None, JobStatus.of(item, batch, has_result=has_result))
        )
        shared = status in (None, JobStatus.COMPLETED)
        partial = item in _PARTIAL or (item is ItemStatus.SKIPPED and not shared)
        if batches:
            found.append(_Stream(item, batches, partial))
    return found


_HEAD = (
    Batch.id,
    Batch.created_at,
    Batch.total,
    Batch.status,
    Batch.epoch,
    Batch.configuration_id,
)
_ENTRY = (
    BatchItem.batch_id,
    BatchItem.position,
    BatchItem.job_id,
    BatchItem.status,
    BatchItem.result_id.is_not(None).label("has_result"),
    BatchItem.epoch,
    BatchItem.job_created_at,
    BatchItem.job_deleted_at,
)
_NEWEST_FIRST = (Batch.created_at.desc(), Batch.id.desc())

Step = tuple[str | None, Place]
"""The id of a job and its place; or None and a place before which there are no more jobs."""


class JobList:
    """A list of a project's jobs, from which pages are read."""

    def __init__(self, session: AsyncSession, project_id: str, filters: JobFilters) -> None:
        self._session = session
        self._project_id = project_id
        self._filters = filters
        self._streams = _streams(filters.get("status"))
        self._of_file: dict[str, list[str]] = {}
        self._past: dict[tuple[str, int], str | None] = {}
        self._read = 0
        self._stride = 1

    async def page(self, place: Place | None, limit: int) -> tuple[list[str], Place | None]:
        """Return the ids of the jobs after ``place``, and the place of the next page.

        The page has at most ``limit`` jobs, or fewer after `MAX_READ` index entries; it is empty
        only at the end.
        """
        self._stride = limit + 1
        job_ids = self._filters.get("job_ids")
        steps = self._walk(place, limit + 1) if job_ids is None else self._named(job_ids, place)
        found: list[tuple[str, Place]] = []
        async for job_id, at in steps:
            if job_id is not None:
                found.append((job_id, at))
            if len(found) > limit:
                return [job_id for job_id, _ in found[:limit]], found[limit - 1][1]
            if self._left() <= 0:
                if found:
                    return [job_id for job_id, _ in found], at
                self._read = 0
        return [job_id for job_id, _ in found], None

    def _left(self) -> int:
        """Index entries of batches that may still be read; a group of items may follow them."""
        return MAX_READ - GROUP - self._read

    async def _walk(self, place: Place | None, chunk: int) -> AsyncIterator[Step]:
        """Yield the jobs after ``place`` in order, and the progress of the walk."""
        if not self._streams:
            return
        await self._find_file()
        while True:
            chunk = min(chunk, max(1, self._left() // 2))
            heads, end = await self._heads(place, chunk)
            for group in self._groups(heads):
                async for step in self._items(group, place):
                    yield step
            if end is None:
                return
            yield None, end
            place, chunk = end, chunk * GROWTH

    async def _heads(
        self, place: Place | None, chunk: int
    ) -> tuple[Sequence[Row[Any]], Place | None]:
        """Return those of the next batches that may have jobs of the list.

        Returns:
            The batches, and the place after the last batch read; None if it was the last one.
        """
        mine = [Batch.project_id == self._project_id]
        if place is not None:
            mine.append(_key() <= _key_of(place) if place.inside else _key() < _key_of(place))
        walk = select(Batch.created_at, Batch.id).where(*mine).order_by(*_NEWEST_FIRST)
        last = (await self._session.execute(walk.offset(chunk - 1).limit(1))).one_or_none()
        end = None if last is None else Place(last.created_at, last.id, BEHIND_ALL)
        if end is None:
            rest = select(func.count()).select_from(walk.subquery())
            chunk = await self._session.scalar(rest) or 0
        else:
            mine.append(_key() >= _key_of(end))
        self._read += 2 * chunk
        wanted = (*self._of_batch(), or_(*map(_has_any, self._streams)))
        query = select(*_HEAD).where(*mine, *wanted).order_by(*_NEWEST_FIRST)
        heads = await self._select(query.limit(chunk))  # the limit makes PostgreSQL use the index
        await self._learn_past(heads)
        return heads, end

    def _of_batch(self) -> list[ColumnElement[bool]]:
        """Return the conditions of the filters on a batch."""
        filters = self._filters
        asked: list[ColumnElement[bool]] = []
        if (job_type := filters.get("job_type")) is not None:
            asked.append(Batch.job_type == job_type)
        if (configuration := filters.get("configuration_id")) is not None:
            asked.append(or_(Batch.configuration_id == configuration, Batch.epoch > 1))
        if (first := filters.get("created_from")) is not None:
            asked.append(or_(Batch.ended_at.is_(None), Batch.ended_at >= _moved(first, -SKEW)))
        if (last := filters.get("created_to")) is not None:
            asked.append(Batch.created_at <= _moved(last, SKEW))
        if (kind := filters.get("input_kind")) is not None:
            given = Batch.config["document_input_type"].as_string()
            asked.append(func.coalesce(given, "file_id") == kind)
        if (named := filters.get("file_input")) is not None:
            of_file = select(BatchItem.batch_id).where(BatchItem.item_id == named)
            given = Batch.config["file_input"].as_string()
            asked.append(or_(given == named, and_(given.is_(None), Batch.id.in_(of_file))))
        return asked

    async def _find_file(self) -> None:
        """Look up the jobs of the file that the list is restricted to."""
        if (named := self._filters.get("file_input")) is not None:
            query = select(BatchItem.batch_id, BatchItem.job_id).where(BatchItem.item_id == named)
            for batch_id, job_id in await self._session.execute(query):
                self._of_file.setdefault(batch_id, []).append(job_id)

    async def _learn_past(self, heads: Sequence[Row[Any]]) -> None:
        """Read the configurations of earlier executions of batches."""
        if self._filters.get("configuration_id") is None:
            return
        redriven = [head.id for head in heads if head.epoch > 1]
        for some in chunked(redriven):
            query = select(PastAttempt.batch_id, PastAttempt.epoch, PastAttempt.configuration_id)
            for row in await self._session.execute(query.where(PastAttempt.batch_id.in_(some))):
                self._past[row.batch_id, row.epoch] = row.configuration_id

    def _groups(self, heads: Sequence[Row[Any]]) -> Iterator[Sequence[Row[Any]]]:
        """Yield groups of batches whose items are read together: small ones, or one large one."""
        group: list[Row[Any]] = []
        size = 0
        for head in heads:
            items = len(self._of_file[head.id]) if head.id in self._of_file else head.total
            full = size >= self._stride or size + items > GROUP
            if group and (full or items > self._stride):
                yield group
                group, size = [], 0
            group.append(head)
            size += items
        if group:
            yield group

    async def _items(self, group: Sequence[Row[Any]], place: Place | None) -> AsyncIterator[Step]:
        """Yield the jobs of a group of batches, and the progress."""
        after = place.position if place is not None and place.batch_id == group[0].id else 0
        while True:
            rows, behind = await self._entries(group, after)
            self._read += len(rows)
            self._stride = min(self._stride * GROWTH, GROUP)
            heads = {head.id: (number, head) for number, head in enumerate(group)}
            rows.sort(key=lambda row: (heads[row.batch_id][0], row.position))
            for row in rows:
                head = heads[row.batch_id][1]
                if self._wants(head, row) and (row.position > after or head is not group[0]):
                    yield row.job_id, Place(head.created_at, head.id, row.position)
            last = group[-1]
            yield None, Place(last.created_at, last.id, behind or BEHIND_ALL)
            if behind is None:
                return
            after = behind

    async def _entries(
        self, group: Sequence[Row[Any]], after: int
    ) -> tuple[list[Row[Any]], int | None]:
        """Return the ledger rows of a group, or those of a large batch after ``after``.

        Returns:
            The rows, and the position up to which they are complete; None if all are.
        """
        known = [job_id for head in group for job_id in self._of_file.get(head.id, ())]
        if len(group) == 1 and not known and group[0].total > self._stride:
            return await self._window(group[0], after)
        found: list[Row[Any]] = []
        for some in chunked(known):
            found += await self._select(select(*_ENTRY).where(self._is_one_of(some)))
        others = [head.id for head in group if head.id not in self._of_file]
        if others:
            one_of = is_one_of(self._session, BatchItem.batch_id, others)
            found += await self._select(
                union_all(*(select(*_ENTRY).where(*s.of(one_of)) for s in self._streams))
            )
        return found, None

    async def _window(self, head: Row[Any], after: int) -> tuple[list[Row[Any]], int | None]:
        """Return rows of a large batch, with the same maximum for each state."""
        each = min(self._stride, GROUP // len(self._streams))
        parts = [
            select(*_ENTRY)
            .where(*stream.of(BatchItem.batch_id == head.id), BatchItem.position > after)
            .order_by(BatchItem.position)
            .limit(each)
            .subquery()
            for stream in self._streams
        ]
        rows = await self._select(union_all(*(select(part) for part in parts)))
        last: dict[str, list[int]] = {}
        for row in rows:
            last.setdefault(row.status, []).append(row.position)
        cut = [max(positions) for positions in last.values() if len(positions) == each]
        if not cut:
            return rows, None
        return [row for row in rows if row.position <= min(cut)], min(cut)

    async def _named(self, job_ids: Sequence[str], place: Place | None) -> AsyncIterator[Step]:
        """Yield those of the given jobs that belong to the list."""
        rows: list[Row[Any]] = []
        heads: dict[str, Row[Any]] = {}
        for some in chunked(sorted(set(job_ids))):
            rows += await self._select(select(*_ENTRY).where(self._is_one_of(some)))
        for some in chunked(sorted({row.batch_id for row in rows})):
            mine = (Batch.project_id == self._project_id, Batch.id.in_(some))
            found = await self._select(select(*_HEAD).where(*mine, *self._of_batch()))
            heads |= {head.id: head for head in found}
        await self._learn_past(list(heads.values()))
        rows = [r for r in rows if r.batch_id in heads and self._wants(heads[r.batch_id], r)]
        rows.sort(key=lambda row: row.position)
        rows.sort(key=lambda row: (heads[row.batch_id].created_at, row.batch_id), reverse=True)
        places = (Place(heads[r.batch_id].created_at, r.batch_id, r.position) for r in rows)
        for row, at in zip(rows, places, strict=True):
            if place is None or at.behind(place):
                yield row.job_id, at

    def _wants(self, head: Row[Any], row: Row[Any]) -> bool:
        """Return whether an item has a job that matches the filters."""
        filters = self._filters
        if row.job_created_at is None or row.job_deleted_at is not None:
            return False
        first, last = filters.get("created_from"), filters.get("created_to")
        if first is not None and row.job_created_at < first:
            return False
        if last is not None and row.job_created_at > last:
            return False
        if (configuration := filters.get("configuration_id")) is not None:
            ran_with = self._past.get((head.id, row.epoch), head.configuration_id)
            if ran_with != configuration:
                return False
        status = filters.get("status")
        if status is None:
            return True
        item, batch = ItemStatus(row.status), BatchStatus(head.status)
        return JobStatus.of(item, batch, has_result=row.has_result) == status

    def _is_one_of(self, job_ids: Sequence[str]) -> ColumnElement[bool]:
        return is_one_of(self._session, BatchItem.job_id, job_ids)

    async def _select(self, query: Any) -> list[Row[Any]]:
        return list((await self._session.execute(query)).all())


def _has_any(stream: _Stream) -> ColumnElement[bool]:
    """Return a condition for batches with an item of a stream.

    A scalar subquery, not EXISTS, for which PostgreSQL would read all items into a hash.
    """
    mine = select(BatchItem.position).where(*stream.of(BatchItem.batch_id == Batch.id))
    has_item = mine.limit(1).scalar_subquery().is_not(None)
    if len(stream.batches) == len(BatchStatus):
        return has_item
    return and_(Batch.status.in_(sorted(stream.batches)), has_item)


def _key() -> ColumnElement[Any]:
    """Return the sort key of batches, compared as a row, which is one range of the index."""
    return tuple_(Batch.created_at, Batch.id)


def _key_of(place: Place) -> ColumnElement[Any]:
    """Return the sort key of the batch of a place."""
    return tuple_(literal(place.created_at, Batch.created_at.type), literal(place.batch_id))


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Return ``moment`` shifted by ``by``, within the range of datetime."""
    try:
        return moment + by
    except OverflowError:
        return moment
