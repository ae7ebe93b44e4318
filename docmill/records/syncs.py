"""Syncs: what they process, and which files of their directory are new, changed or gone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from docmill.errors import NotFoundError
from docmill.records.batches import EntryVersion
from docmill.records.tables.sources import DirectoryFile, Sync


class Syncs:
    """Queries over syncs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(self, sync: Sync) -> None:
        """Insert a sync, or update what an existing one processes."""
        known = await self._session.get(Sync, sync.id)
        if known is None:
            self._session.add(sync)
        else:
            known.spec, known.delete_vanished = sync.spec, sync.delete_vanished
        await self._session.flush()

    async def get(self, sync_id: str) -> Sync:
        """Return a sync.

        Raises:
            NotFoundError: it does not exist.
        """
        found = await self._session.get(Sync, sync_id)
        if found is None:
            raise NotFoundError(f"No sync {sync_id}.", "Run the command sync again.")
        return found

    async def advance(self, sync_id: str, until: int) -> None:
        """Record that the files up to a sequence number were synced; never back."""
        behind = update(Sync).where(Sync.id == sync_id, Sync.watermark < until)
        await self._session.execute(behind.values(watermark=until))

    async def count_fresh(self, directory_id: str, since: int, until: int) -> int:
        """Return the number of files that are new or changed since a sequence number."""
        query = select(func.count()).where(*_fresh(directory_id, since, until))
        return (await self._session.scalar(query)) or 0

    async def fresh(self, directory_id: str, since: int, until: int) -> Sequence[EntryVersion]:
        """Return the versions of these files, in the order of the listing."""
        query = (
            select(DirectoryFile.directory_id, DirectoryFile.sequence)
            .where(*_fresh(directory_id, since, until))
            .order_by(DirectoryFile.sequence)
        )
        return [(row.directory_id, row.sequence) for row in await self._session.execute(query)]

    async def count_vanished(self, directory_id: str, since: int, until: int) -> int:
        """Return the number of files that are gone since a sequence number."""
        query = select(func.count()).where(*_vanished(directory_id, since, until))
        return (await self._session.scalar(query)) or 0

    async def vanished(
        self, directory_id: str, since: int, until: int, *, after: int, limit: int
    ) -> Sequence[Any]:
        """Return a page of files that are gone: ``sequence`` and ``unique_id``, by sequence."""
        query = (
            select(DirectoryFile.sequence, DirectoryFile.unique_id)
            .where(*_vanished(directory_id, since, until), DirectoryFile.sequence > after)
            .order_by(DirectoryFile.sequence)
            .limit(limit)
        )
        return (await self._session.execute(query)).all()


def _fresh(directory_id: str, since: int, until: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for versions that were listed after ``since``, and are at ``until``."""
    removed = DirectoryFile.removed_sequence
    return (
        DirectoryFile.directory_id == directory_id,
        DirectoryFile.sequence > since,
        DirectoryFile.sequence <= until,
        or_(removed.is_(None), removed > until),
    )


def _vanished(directory_id: str, since: int, until: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for files that were listed at ``since``, and are not at ``until``."""
    later = aliased(DirectoryFile)
    again = select(later.id).where(
        later.directory_id == directory_id,
        later.id == DirectoryFile.id,
        later.sequence > DirectoryFile.sequence,
        later.sequence <= until,
    )
    return (
        DirectoryFile.directory_id == directory_id,
        DirectoryFile.sequence <= since,
        DirectoryFile.removed_sequence > since,
        DirectoryFile.removed_sequence <= until,
        ~again.exists(),
    )
