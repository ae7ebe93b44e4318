"""Changes of what a directory lists; each takes the next sequence number under the row's lock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import ConflictError, NotFoundError
from docmill.records.tables.base import equals, now
from docmill.records.tables.sources import Directory, DirectoryFile
from docmill.records.visibility import is_public

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
"""What a new version of an entry takes over unless told otherwise."""


def carried(old: DirectoryFile) -> dict[str, Any]:
    """Return the columns that another version of ``old`` has, too."""
    return {name: getattr(old, name) for name in _CARRIED}


class DirectoryChanges:
    """One directory, locked until the transaction ends, and its next states.

    Rows are versions: a change writes a new one and says from which number on the old one no
    longer counts, so that a listing frozen at an earlier number stays as it was.
    """

    def __init__(self, session: AsyncSession, directory: Directory) -> None:
        self._session = session
        self.directory = directory

    @classmethod
    async def lock(
        cls, session: AsyncSession, project_id: str, directory_id: str, *, internal: bool = False
    ) -> "DirectoryChanges":
        """Lock a directory whose entries may be changed by hand.

        Args:
            session: where the lock is held.
            project_id: its owner.
            directory_id: which one.
            internal: it is one that only Docmill itself changes.

        Raises:
            NotFoundError: there is none in this project.
            ConflictError: its entries come from scanning its source.
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
            NotFoundError: one of them is not in this directory; it is named.
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
        """List a new entry."""
        row = DirectoryFile(
            directory_id=self.directory.id, sequence=self._next_sequence(), **columns
        )
        self._session.add(row)
        self.directory.live_count += 1
        await self._session.flush()
        return row

    async def replace(self, old: DirectoryFile, **columns: Any) -> DirectoryFile:
        """List a new version of an entry, under the same id."""
        columns = carried(old) | columns
        old.removed_sequence = self.directory.sequence + 1
        self.directory.live_count -= 1
        return await self.add(**columns)

    async def remove(self, rows: Sequence[DirectoryFile], *, deleted: bool = True) -> None:
        """Take entries out of the listing; ``deleted`` False when they go on elsewhere."""
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
