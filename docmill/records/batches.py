"""Batches: idempotent creation, state changes by compare-and-set, and lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import BatchStatus, ItemStatus, Tally
from docmill.errors import NotFoundError
from docmill.records.counts import counts_of
from docmill.records.directories import is_live, is_public
from docmill.records.keyset import DEFAULT_LIMIT, CreatedRange, Slice, created_between, page_of
from docmill.records.outbox import record_batch_event, subscribers_of
from docmill.records.statements import chunked, insert_into, try_insert
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem, BatchListing
from docmill.records.tables.sources import Directory, DirectoryFile

SINGLE_JOB = "job"
"""Value of ``api`` for a batch of one file that represents a single job."""
MAX_IN_FLIGHT_NAMES = 300
"""Maximum number of names; a batch may have more items in flight."""
_UNKNOWN_SHOWN = 5


EntryVersion = tuple[str, int]
"""A version of a directory entry: directory id and sequence number."""


class BatchFilters(CreatedRange, total=False):
    """Filters of a list of batches. A missing filter or None selects all."""

    status: str | Collection[str] | None
    directory_id: str | None
    job_type: str | None
    api: str | Collection[str] | None
    namespace: str | None


@dataclass(frozen=True, slots=True)
class FileInFlight:
    """A file that a worker is processing.

    Attributes:
        path: path of the file.
        pages_done: number of pages read so far, for a large document.
        pages_total: number of requested pages of a large document; None for other files.
    """

    path: str
    pages_done: int | None = None
    pages_total: int | None = None

    def __str__(self) -> str:
        if self.pages_total is None:
            return self.path
        return f"{self.path} ({self.pages_done:,} of {self.pages_total:,} pages)"


class Batches:
    """Queries over batches."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, batch: Batch) -> tuple[Batch, bool]:
        """Insert ``batch``; if its id, or its identity and number, exist, return that row.

        Returns:
            The row, and whether it is new. Of concurrent calls with one identity, one creates the
            row.

        Raises:
            NotFoundError: its project or its directory does not exist.
        """
        batch.webhooks = await subscribers_of(self._session, batch)
        if await try_insert(self._session, batch):
            await record_batch_event(self._session, batch)
            return batch, True
        same = Batch.id == batch.id
        if batch.identity is not None:
            same |= and_(
                Batch.project_id == batch.project_id,
                Batch.identity == batch.identity,
                Batch.identity_number == (batch.identity_number or 0),
            )
        found = (await self._session.scalars(select(Batch).where(same).limit(1))).first()
        if found is None:
            raise NotFoundError(
                f"The project or the directory of the batch {batch.id} does not exist.",
                "List them to see their ids.",
            )
        return found, False

    async def get(self, project_id: str | None, batch_id: str) -> Batch:
        """Return one batch in its current state; ``project_id`` None searches all projects.

        Raises:
            NotFoundError: there is none in this project.
        """
        query = select(Batch).where(Batch.id == batch_id)
        if project_id is not None:
            query = query.where(Batch.project_id == project_id)
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        if found is None:
            raise NotFoundError(f"No batch {batch_id}.", "List batches to see their ids.")
        return found

    async def find(self, project_id: str, batch_id: str) -> Batch | None:
        """Return one batch of a project in its current state, or None."""
        query = select(Batch).where(Batch.id == batch_id, Batch.project_id == project_id)
        found: Batch | None = await self._session.scalar(
            query.execution_options(populate_existing=True)
        )
        return found

    async def several(self, batch_ids: Collection[str]) -> Sequence[Batch]:
        """Return the existing batches with these ids, in no order."""
        found: list[Batch] = []
        for some in chunked(list(batch_ids)):
            found += await self._session.scalars(select(Batch).where(Batch.id.in_(some)))
        return found

    async def latest_of_identity(self, project_id: str, identity: str) -> Batch | None:
        """Return the newest batch of one identity, or None."""
        query = (
            select(Batch)
            .where(Batch.project_id == project_id, Batch.identity == identity)
            .order_by(Batch.identity_number.desc())
            .limit(1)
        )
        return (await self._session.scalars(query)).first()

    async def count(self, project_id: str | None, **filters: Unpack[BatchFilters]) -> int:
        """Return the number of batches that `list` returns with these filters."""
        query = _filtered(select(func.count()).select_from(Batch), project_id, filters)
        return (await self._session.scalar(query)) or 0

    async def counts(self, batch_ids: Collection[str]) -> dict[str, Tally]:
        """Return the live counts of each batch."""
        return await counts_of(self._session, batch_ids)

    async def in_flight(self, batch_id: str) -> Sequence[FileInFlight]:
        """Return the files that workers are processing, in listing order."""
        query = (
            select(BatchItem.path, BatchItem.pages_ok, BatchItem.pages_total)
            .where(BatchItem.batch_id == batch_id, BatchItem.status == ItemStatus.PROCESSING.value)
            .order_by(BatchItem.position)
            .limit(MAX_IN_FLIGHT_NAMES)
        )
        rows = await self._session.execute(query)
        return [FileInFlight(path, *pages) for path, *pages in rows]

    async def set_state(self, batch_id: str, **fields: Any) -> None:
        """Set columns of one batch in any state.

        Raises:
            NotFoundError: there is no such batch.
        """
        changed = update(Batch).where(Batch.id == batch_id).values(updated_at=now(), **fields)
        found = await self._session.scalar(changed.returning(Batch.id))
        if found is None:
            raise NotFoundError(f"No batch {batch_id}.", "List batches to see their ids.")

    async def move(
        self,
        batch_id: str,
        to: BatchStatus,
        *,
        from_: Collection[str],
        epoch_is: int | None = None,
        **fields: Any,
    ) -> bool:
        """Change the status if it is one of ``from_``; set ``fields``, and notify webhooks.

        With ``epoch_is`` only in that execution of the batch.

        Returns:
            Whether the status changed.
        """
        moved = (
            update(Batch)
            .where(Batch.id == batch_id, Batch.status.in_([str(status) for status in from_]))
            .values(status=to.value, updated_at=now(), **fields)
        )
        if epoch_is is not None:
            moved = moved.where(Batch.epoch == epoch_is)
        row = (await self._session.execute(moved.returning(Batch.id, Batch.webhooks))).one_or_none()
        if row is not None and row.webhooks:
            counts = await self.counts([batch_id])
            await record_batch_event(
                self._session, await self.get(None, batch_id), counts[batch_id]
            )
        return row is not None

    async def entry_versions(
        self, project_id: str, item_ids: Sequence[str]
    ) -> Sequence[EntryVersion]:
        """Return the current versions of entries of a project, in order, without duplicates.

        Raises:
            NotFoundError: some ids are not current entries of the project; the message names them.
        """
        wanted = list(dict.fromkeys(item_ids))
        found: dict[str, EntryVersion] = {}
        for some in chunked(wanted):
            found |= await self._entry_versions(project_id, some)
        unknown = [item_id for item_id in wanted if item_id not in found]
        if unknown:
            raise _unknown_items(unknown)
        return [found[item_id] for item_id in wanted]

    async def add_listing(self, batch_id: str, entry_versions: Sequence[EntryVersion]) -> None:
        """Freeze versions of entries as the listing of a batch, in this order; idempotent."""
        rows = [
            {
                "batch_id": batch_id,
                "position": position,
                "directory_id": directory_id,
                "sequence": sequence,
            }
            for position, (directory_id, sequence) in enumerate(entry_versions, 1)
        ]
        if rows:
            insert = insert_into(self._session, BatchListing).on_conflict_do_nothing()
            await self._session.execute(insert, rows)

    async def _entry_versions(
        self, project_id: str, item_ids: Sequence[str]
    ) -> dict[str, EntryVersion]:
        query = (
            select(DirectoryFile.id, DirectoryFile.directory_id, DirectoryFile.sequence)
            .join(Directory, Directory.id == DirectoryFile.directory_id)
            .where(
                DirectoryFile.id.in_(item_ids),
                DirectoryFile.project_id == project_id,
                Directory.deleted_at.is_(None),
                is_live(),
                is_public(),
            )
        )
        return {
            row.id: (row.directory_id, row.sequence) for row in await self._session.execute(query)
        }

    async def list_from(
        self, project_id: str | None, *, offset: int, limit: int, **filters: Unpack[BatchFilters]
    ) -> Sequence[Batch]:
        """Return batches by offset, newest first, for the v1 API, which has no cursors."""
        query = _filtered(select(Batch), project_id, filters)
        query = query.order_by(Batch.created_at.desc(), Batch.id.desc())
        return (await self._session.scalars(query.offset(offset).limit(limit))).all()

    async def list(
        self,
        project_id: str | None,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[BatchFilters],
    ) -> Slice[Batch]:
        """Return one page of batches, newest first.

        Raises:
            UsageError: the cursor is invalid.
        """
        query = _filtered(select(Batch), project_id, filters)
        key = (Batch.created_at, Batch.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)


def _filtered(query: Select[Any], project_id: str | None, filters: BatchFilters) -> Select[Any]:
    equal = {
        Batch.project_id: project_id,
        Batch.directory_id: filters.get("directory_id"),
        Batch.job_type: filters.get("job_type"),
        Batch.namespace: filters.get("namespace"),
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    several = {Batch.status: filters.get("status"), Batch.api: filters.get("api")}
    for column, wanted in several.items():
        if wanted is not None:
            names = [wanted] if isinstance(wanted, str) else wanted
            query = query.where(column.in_([str(name) for name in names]))
    return created_between(query, Batch.created_at, filters)


def _unknown_items(unknown: Sequence[str]) -> NotFoundError:
    named = ", ".join(unknown[:_UNKNOWN_SHOWN])
    rest = len(unknown) - _UNKNOWN_SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    return NotFoundError(
        f"No directory files {named}{more}.", "List the directory's files to see their ids."
    )
