"""Uploaded files that nothing lists any more, whose bytes may go."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts import OPEN_BATCHES
from docmill.records.tables import Batch, BatchListing, Directory, DirectoryFile, File, Project, now

_LISTS = and_(
    DirectoryFile.file_id == File.id,
    Directory.id == DirectoryFile.directory_id,
)
_LISTED = exists().where(_LISTS)
_LISTED_FOR_GOOD = exists().where(_LISTS, Directory.type != "ephemeral")
_LISTED_STILL = exists().where(
    _LISTS,
    or_(
        Directory.deleted_at.is_(None),
        exists().where(Batch.status.in_(OPEN_BATCHES), Batch.directory_id == Directory.id),
        exists().where(
            Batch.status.in_(OPEN_BATCHES),
            BatchListing.batch_id == Batch.id,
            BatchListing.directory_id == Directory.id,
        ),
    ),
)
"""In a directory that is there, or that a batch still works on."""


class Unlisted:
    """Queries over files that were deleted, or uploaded into directories that have expired."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold(self, project_id: str) -> None:
        """Let nobody add a file to the project until this transaction ends.

        Each row of a file refers to its project's row, which this locks; SQLite has one writer.
        """
        query = select(Project.id).where(Project.id == project_id).with_for_update()
        await self._session.execute(query)

    async def some(self, project_id: str, before: datetime, limit: int) -> Sequence[File]:
        """Return files that were deleted, or whose last directory expired, before ``before``."""
        deleted = func.coalesce(
            File.deleted_at,
            select(func.max(Directory.deleted_at)).where(_LISTS).correlate(File).scalar_subquery(),
        )
        # What has a purpose was uploaded by itself.
        expired = and_(File.purpose.is_(None), _LISTED, ~_LISTED_FOR_GOOD)
        query = (
            select(File)
            .where(
                File.project_id == project_id,
                File.object_key != "",
                or_(File.deleted_at.is_not(None), expired),
                deleted < before,
                ~_LISTED_STILL,
            )
            .order_by(File.id)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def give_up(self, file: File) -> str | None:
        """Let a file name no bytes any more, and return their key if no other file names them."""
        key = file.object_key  # the update clears it here as well
        gone = update(File).where(File.id == file.id)
        await self._session.execute(
            gone.values(object_key="", deleted_at=func.coalesce(File.deleted_at, now()))
        )
        others = exists().where(
            File.project_id == file.project_id,
            File.object_key == key,
            File.id != file.id,
        )
        return None if await self._session.scalar(select(others)) else key
