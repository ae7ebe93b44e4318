"""Directory files: versioned entries of a directory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Select, and_, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import ConflictError, NotFoundError
from docmill.ids import Prefix, new_id
from docmill.records.directories import is_live, is_public
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.tables.base import equals, now
from docmill.records.tables.batches import BatchItem
from docmill.records.tables.sources import Directory, DirectoryFile, File


class DirectoryFileFilters(TypedDict, total=False):
    """Filters of a list of directory files. A missing filter or None selects all."""

    display_name: str | None
    display_name_contains: str | None
    unique_id: str | None
    file_id: str | None
    updated_from: datetime | None
    updated_to: datetime | None
    include_deleted: bool


class DirectoryFiles:
    """Queries over directory files, and changes by users."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def attach(
        self,
        project_id: str,
        directory_id: str,
        file: File,
        *,
        unique_id: str | None = None,
        display_name: str | None = None,
        metadata: dict[str, Any] | None = None,
        item_id: str | None = None,
        internal: bool = False,
    ) -> DirectoryFile:
        """List uploaded bytes in a directory under ``unique_id``, and return the entry.

        The same bytes under the same unique id return the same entry, so that a repeated upload
        changes nothing. Other bytes create a new version of the entry with the same id.

        Args:
            project_id: owner of the directory.
            directory_id: the directory.
            file: the uploaded file.
            unique_id: default: the file's external id, otherwise its name.
            display_name: default: the file's name.
            metadata: None leaves the metadata of an existing entry.
            item_id: id of a new entry.
            internal: whether the directory is internal to Docmill.

        Raises:
            NotFoundError: there is no such directory in this project.
            ConflictError: the entries of the directory come from its source.
        """
        changes = await DirectoryChanges.lock(
            self._session, project_id, directory_id, internal=internal
        )
        unique_id = unique_id or file.external_file_id or file.name
        old = await changes.live_by_name(unique_id)
        if old is None:
            return await changes.add(
                id=item_id or new_id(Prefix.FILE),
                project_id=project_id,
                unique_id=unique_id,
                display_name=display_name or file.name,
                file_id=file.id,
                size=file.size,
                sha256=file.sha256,
                file_metadata=metadata or {},
            )
        if old.sha256 != file.sha256:
            old = await changes.replace(old, file_id=file.id, size=file.size, sha256=file.sha256)
        old.display_name = display_name or old.display_name
        old.file_metadata = old.file_metadata if metadata is None else metadata
        await self._session.flush()
        return old

    async def name_url(
        self,
        project_id: str,
        directory_id: str,
        *,
        unique_id: str,
        name: str,
        url: str,
        http_proxy: str | None = None,
    ) -> DirectoryFile:
        """List a document that a worker will fetch in an internal directory.

        An existing entry with this unique id is returned unchanged.

        Raises:
            NotFoundError: the project has no such internal directory.
        """
        changes = await DirectoryChanges.lock(
            self._session, project_id, directory_id, internal=True
        )
        return await changes.live_by_name(unique_id) or await changes.add(
            id=new_id(Prefix.FILE),
            project_id=project_id,
            unique_id=unique_id,
            display_name=name,
            source_url=url,
            http_proxy=http_proxy,
            size=0,
            file_metadata={},
        )

    async def get(self, project_id: str, directory_id: str, item_id: str) -> DirectoryFile:
        """Return one entry in its current version.

        Raises:
            NotFoundError: the directory does not list it.
        """
        query = _live(project_id, directory_id).where(DirectoryFile.id == item_id)
        found = (await self._session.scalars(query)).one_or_none()
        if found is None:
            raise _missing(item_id)
        return found

    async def live(self, project_id: str | None, item_id: str) -> DirectoryFile:
        """Return an entry in its current version; ``project_id`` None searches all projects.

        Raises:
            NotFoundError: no directory lists it.
        """
        query = (
            select(DirectoryFile)
            .join(Directory, Directory.id == DirectoryFile.directory_id)
            .where(
                DirectoryFile.id == item_id,
                Directory.deleted_at.is_(None),
                is_live(),
                is_public(),
            )
        )
        if project_id is not None:
            query = query.where(DirectoryFile.project_id == project_id)
        found = (await self._session.scalars(query)).first()
        if found is None:
            raise NotFoundError(f"No file {item_id}.", "List files to see their ids.")
        return found

    async def of_item(self, batch_id: str, position: int) -> DirectoryFile:
        """Return the version of an entry that an item of a batch refers to."""
        listed = and_(
            DirectoryFile.directory_id == BatchItem.directory_id,
            DirectoryFile.sequence == BatchItem.sequence,
        )
        query = select(DirectoryFile).join(BatchItem, listed)
        query = query.where(BatchItem.batch_id == batch_id, BatchItem.position == position)
        return (await self._session.scalars(query)).one()

    async def find(self, project_id: str, item_id: str) -> DirectoryFile:
        """Return the latest version of an entry, even if no directory lists it any more.

        Raises:
            NotFoundError: the project never had such an entry.
        """
        query = (
            select(DirectoryFile)
            .join(Directory, Directory.id == DirectoryFile.directory_id)
            .where(
                DirectoryFile.id == item_id,
                DirectoryFile.project_id == project_id,
                DirectoryFile.sequence <= Directory.watermark,
                is_public(),
            )
            .order_by(is_live().desc(), DirectoryFile.updated_at.desc())
            .limit(1)
        )
        found = (await self._session.scalars(query)).first()
        if found is None:
            raise _missing(item_id)
        return found

    async def update(
        self,
        project_id: str,
        directory_id: str,
        item_id: str,
        *,
        display_name: str | None = None,
        unique_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        target_directory_id: str | None = None,
    ) -> DirectoryFile:
        """Update the given fields. A new unique id or directory creates a new version.

        Raises:
            NotFoundError: the directory does not list the entry, or the target does not exist.
            ConflictError: the unique id is taken, or the entries come from a source.
        """
        row = await self.get(project_id, directory_id, item_id)
        target = target_directory_id or directory_id
        if target != directory_id or unique_id not in (None, row.unique_id):
            row = await self._relist(row, target, unique_id or row.unique_id)
        row.display_name = display_name or row.display_name
        row.file_metadata = row.file_metadata if metadata is None else metadata
        await self._session.flush()
        return row

    async def delete(self, project_id: str, directory_id: str, item_id: str) -> None:
        """Remove one entry from the listing. Batches keep it in their frozen listings.

        Raises:
            NotFoundError: the directory does not list it.
            ConflictError: the entries come from a source.
        """
        await self.bulk_delete(project_id, directory_id, [item_id])

    async def bulk_delete(
        self, project_id: str, directory_id: str, item_ids: Sequence[str]
    ) -> None:
        """Remove entries from the listing, all or none.

        Raises:
            NotFoundError: the directory does not list one of them; the message names it.
            ConflictError: the entries come from a source.
        """
        changes = await DirectoryChanges.lock(self._session, project_id, directory_id)
        await changes.remove(await changes.live_by_id(item_ids))

    async def _relist(self, row: DirectoryFile, target: str, unique_id: str) -> DirectoryFile:
        """List the entry under another name or in another directory."""
        # Locked in a fixed order, so that concurrent moves in opposite directions do not deadlock.
        locked = {
            directory_id: await DirectoryChanges.lock(self._session, row.project_id, directory_id)
            for directory_id in sorted({row.directory_id, target})
        }
        source, goal = locked[row.directory_id], locked[target]
        (row,) = await source.live_by_id([row.id])
        if await goal.live_by_name(unique_id) is not None:
            raise ConflictError(
                f"{target} lists {unique_id} already.", "Choose another unique_id, or delete that."
            )
        if source is goal:
            return await source.replace(row, unique_id=unique_id)
        await source.remove([row], deleted=False)
        return await goal.add(**carried(row) | {"unique_id": unique_id})

    async def list(
        self,
        project_id: str,
        directory_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[DirectoryFileFilters],
    ) -> Slice[DirectoryFile]:
        """Return one page of entries, oldest first.

        Raises:
            UsageError: the cursor is invalid.
        """
        query = _filtered(project_id, directory_id, filters)
        key = (DirectoryFile.created_at, DirectoryFile.id)
        return await page_of(
            self._session, query, key, limit=limit, token=cursor, newest_first=False
        )


def _live(project_id: str, directory_id: str) -> Select[DirectoryFile]:
    return _of(project_id, directory_id).where(is_live())


def _of(project_id: str, directory_id: str) -> Select[DirectoryFile]:
    return (
        select(DirectoryFile)
        .join(Directory, Directory.id == DirectoryFile.directory_id)
        .where(
            DirectoryFile.directory_id == directory_id,
            DirectoryFile.project_id == project_id,
            is_public(),
        )
        .execution_options(populate_existing=True)
    )


def _filtered(
    project_id: str, directory_id: str, filters: DirectoryFileFilters
) -> Select[DirectoryFile]:
    if filters.get("include_deleted"):
        query = _of(project_id, directory_id).where(
            or_(is_live(), DirectoryFile.deleted_at.is_not(None))
        )
    else:
        query = _live(project_id, directory_id)
    equal = {
        DirectoryFile.display_name: filters.get("display_name"),
        DirectoryFile.file_id: filters.get("file_id"),
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    unique_id = filters.get("unique_id")
    if unique_id is not None:
        query = query.where(equals(DirectoryFile.unique_id, unique_id))
    part = filters.get("display_name_contains")
    if part is not None:
        query = query.where(DirectoryFile.display_name.icontains(part, autoescape=True))
    first, last = filters.get("updated_from"), filters.get("updated_to")
    if first is not None:
        query = query.where(DirectoryFile.updated_at >= first)
    if last is not None:
        query = query.where(DirectoryFile.updated_at <= last)
    return query


def _missing(item_id: str) -> NotFoundError:
    return NotFoundError(
        f"No directory file {item_id}.", "List the directory's files to see their ids."
    )


_CARRIED = (
    "id",
    "project_id",
    "unique_id",
    "display_name",
    "file_id",
    "size",
    "sha256",
    "file_metadata",
    "created_at",
)
"""Columns that a new version of an entry copies by default."""


def carried(old: DirectoryFile) -> dict[str, Any]:
    """Return the columns that a new version of ``old`` copies."""
    return {name: getattr(old, name) for name in _CARRIED}


class DirectoryChanges:
    """Changes of one directory, which is locked until the transaction ends.

    Rows are versions. A change inserts a new row and sets the sequence number at which the old one
    ends, so that listings frozen at an earlier number do not change.
    """

    def __init__(self, session: AsyncSession, directory: Directory) -> None:
        self._session = session
        self.directory = directory

    @classmethod
    async def lock(
        cls, session: AsyncSession, project_id: str, directory_id: str, *, internal: bool = False
    ) -> "DirectoryChanges":
        """Lock a directory whose entries users may change.

        Args:
            session: session that holds the lock.
            project_id: owner of the directory.
            directory_id: the directory.
            internal: whether the directory is internal to Docmill.

        Raises:
            NotFoundError: there is none in this project.
            ConflictError: its entries come from its source.
        """
        query = (
            select(Directory)
            .where(
                Directory.id == directory_id,
                Directory.project_id == project_id,
                Directory.deleted_at.is_(None),
                not_(is_public()) if internal else is_public(),
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        directory = await session.scalar(query)
        if directory is None:
            raise NotFoundError(
                f"No directory {directory_id}.", "List directories to see their ids."
            )
        if directory.source_key is not None:
            raise ConflictError(
                f"The entries of {directory_id} come from its source.",
                "Change the files there and sync the directory, or use another directory.",
            )
        return cls(session, directory)

    async def live_by_name(self, unique_id: str) -> DirectoryFile | None:
        """Return the entry with this unique id, or None."""
        query = select(DirectoryFile).where(
            DirectoryFile.directory_id == self.directory.id,
            equals(DirectoryFile.unique_id, unique_id),
            DirectoryFile.removed_sequence.is_(None),
        )
        return (await self._session.scalars(query)).one_or_none()

    async def live_by_id(self, item_ids: Sequence[str]) -> Sequence[DirectoryFile]:
        """Return the entries with these ids.

        Raises:
            NotFoundError: the directory does not list one of them; the message names it.
        """
        query = select(DirectoryFile).where(
            DirectoryFile.id.in_(item_ids),
            DirectoryFile.directory_id == self.directory.id,
            DirectoryFile.removed_sequence.is_(None),
        )
        found = (await self._session.scalars(query)).all()
        missing = set(item_ids) - {row.id for row in found}
        if missing:
            raise NotFoundError(
                f"No directory file {min(missing)}.", "List the directory's files to see their ids."
            )
        return found

    async def add(self, **columns: Any) -> DirectoryFile:
        """Insert a new entry."""
        row = DirectoryFile(
            directory_id=self.directory.id, sequence=self._next_sequence(), **columns
        )
        self._session.add(row)
        self.directory.live_count += 1
        await self._session.flush()
        return row

    async def replace(self, old: DirectoryFile, **columns: Any) -> DirectoryFile:
        """Insert a new version of an entry with the same id."""
        columns = carried(old) | columns
        old.removed_sequence = self.directory.sequence + 1
        self.directory.live_count -= 1
        return await self.add(**columns)

    async def remove(self, rows: Sequence[DirectoryFile], *, deleted: bool = True) -> None:
        """Remove entries from the listing; ``deleted`` is False if they move elsewhere."""
        sequence = self._next_sequence()
        for row in rows:
            row.removed_sequence = sequence
            row.deleted_at = now() if deleted else None
        self.directory.live_count -= len(rows)
        await self._session.flush()

    def _next_sequence(self) -> int:
        self.directory.sequence += 1
        self.directory.watermark = self.directory.sequence
        return self.directory.sequence
