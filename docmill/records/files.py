"""Uploaded files."""

from collections.abc import Collection
from typing import Literal, TypedDict, Unpack

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import NotFoundError
from docmill.records.items import ClaimedItem, StaleItem
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_by_text, page_of
from docmill.records.ledger_statements import CHANGE_IF_HELD, held_by
from docmill.records.statements import try_insert
from docmill.records.tables.base import equals, now
from docmill.records.tables.sources import DirectoryFile, File


class FileFilters(TypedDict, total=False):
    """Filters of a list of files. A missing filter or None selects all."""

    name: str | None
    file_ids: Collection[str] | None
    external_file_id: str | None
    purpose: str | None
    include_deleted: bool


FileOrder = Literal["created_at", "name", "id"]
"""Order of a list: newest first, or ascending by name or id."""


class Files:
    """Queries over files."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, file: File) -> tuple[File, bool]:
        """Insert ``file``; if its id exists, return the existing file and False.

        An existing file whose bytes were deleted refers to the new bytes.
        """
        if await try_insert(self._session, file):
            return file, True
        known = await self.get(file.project_id, file.id, include_deleted=True)
        if not known.object_key:
            known.object_key, known.deleted_at = file.object_key, None
            await self._session.flush()
        return known, False

    async def get(
        self, project_id: str | None, file_id: str, *, include_deleted: bool = False
    ) -> File:
        """Return one file; ``project_id`` None searches all projects.

        Raises:
            NotFoundError: there is none in this project, or it was deleted.
        """
        query = select(File).where(File.id == file_id)
        if project_id is not None:
            query = query.where(File.project_id == project_id)
        if not include_deleted:
            query = query.where(File.deleted_at.is_(None))
        found = await self._session.scalar(query)
        if found is None:
            raise NotFoundError(f"No file {file_id}.", "List files to see their ids.")
        return found

    async def find_by_sha(self, project_id: str, sha256: str) -> File | None:
        """Return the oldest file of this project with these bytes, or None."""
        query = (
            select(File)
            .where(File.project_id == project_id, File.sha256 == sha256, File.deleted_at.is_(None))
            .order_by(File.created_at, File.id)
            .limit(1)
        )
        return (await self._session.scalars(query)).first()

    async def delete(self, project_id: str, file_id: str) -> File:
        """Delete a file and return it. Directories that list it keep its bytes.

        Raises:
            NotFoundError: there is none in this project.
        """
        file = await self.get(project_id, file_id)
        file.deleted_at = now()
        await self._session.flush()
        return file

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        order: FileOrder = "created_at",
        **filters: Unpack[FileFilters],
    ) -> Slice[File]:
        """Return one page of files, newest first by default.

        Raises:
            UsageError: the cursor is invalid.
        """
        query = select(File).where(File.project_id == project_id)
        equal = {
            File.name: filters.get("name"),
            File.purpose: filters.get("purpose"),
        }
        for column, value in equal.items():
            if value is not None:
                query = query.where(column == value)
        external = filters.get("external_file_id")
        if external is not None:
            query = query.where(equals(File.external_file_id, external))
        file_ids = filters.get("file_ids")
        if file_ids is not None:
            query = query.where(File.id.in_(file_ids))
        if not filters.get("include_deleted"):
            query = query.where(File.deleted_at.is_(None))
        if order != "created_at":
            text = (File.name if order == "name" else File.id, File.id)
            return await page_by_text(self._session, query, text, limit=limit, token=cursor)
        key = (File.created_at, File.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)


async def record_fetched(session: AsyncSession, item: ClaimedItem, file: File) -> None:
    """Store ``file`` as the bytes of ``item``, and delete the URL, which may contain secrets.

    Args:
        session: session of a write transaction.
        item: the claimed item.
        file: not yet saved; its bytes are in the object store.

    Raises:
        StaleItem: another attempt holds the item, or it has an outcome.
    """
    known = {"size": file.size, "sha256": file.sha256}
    if await session.scalar(CHANGE_IF_HELD, held_by(item) | known) is None:
        raise StaleItem("A newer attempt holds this item.")
    file, _ = await Files(session).create(file)
    listed = (
        DirectoryFile.directory_id == item.directory_id,
        DirectoryFile.sequence == item.sequence,
    )
    forgotten = {"source_url": None, "http_proxy": None}
    await session.execute(
        update(DirectoryFile).where(*listed).values(file_id=file.id, **known, **forgotten)
    )
