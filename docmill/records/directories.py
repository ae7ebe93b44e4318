"""Directories: named sets of files, uploaded or scanned from a source."""

import hashlib
import json
from collections.abc import Collection
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.errors import NotFoundError
from docmill.ids import Prefix, derived_id, new_id
from docmill.records.keyset import DEFAULT_LIMIT, Slice, page_of
from docmill.records.statements import try_insert
from docmill.records.tables.base import now
from docmill.records.tables.sources import Directory, DirectoryFile

JOBS_TYPE = "jobs"
"""Type of a project's internal directory, which lists the files of single jobs."""


def is_public() -> ColumnElement[bool]:
    """Return a condition for public directories; the query must select or join `Directory`.

    Internal directories are used by Docmill only. No request can name or list them or their
    entries.
    """
    return Directory.type != JOBS_TYPE


def is_live() -> ColumnElement[bool]:
    """Return a condition for visible entries; the query must join their `Directory`.

    Entries of an unpublished scan are above the watermark and not visible.
    """
    return and_(
        DirectoryFile.sequence <= Directory.watermark,
        or_(
            DirectoryFile.removed_sequence.is_(None),
            DirectoryFile.removed_sequence > Directory.watermark,
        ),
    )


class DirectoryFilters(TypedDict, total=False):
    """Filters of a list of directories. A missing filter or None selects all."""

    name: str | None
    types: Collection[str] | None
    include_deleted: bool


class DirectoryChange(TypedDict, total=False):
    """Columns of a directory that users may change."""

    name: str
    description: str | None


def source_key_of(source: dict[str, Any]) -> str:
    """Return the key of a source. Equal descriptions have equal keys."""
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


class Directories:
    """Queries over directories."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, project_id: str, name: str, **fields: Any) -> Directory:
        """Insert an empty directory.

        Args:
            project_id: owner of the directory.
            name: display name, not unique.
            fields: further columns of `Directory`. If they include the ``id`` of an existing
                directory, it is returned unchanged.
        """
        fields.setdefault("id", new_id(Prefix.DIRECTORY))
        directory = Directory(project_id=project_id, name=name, **fields)
        if await try_insert(self._session, directory):
            return directory
        return await self.get(project_id, fields["id"])

    async def for_single_jobs(self, project_id: str) -> Directory:
        """Return the project's internal directory for files of single jobs, creating it if needed.

        Earlier versions allowed its deletion; a deleted one is restored.
        """
        identifier = derived_id(Prefix.DIRECTORY, JOBS_TYPE, project_id)
        found = await self._session.get(Directory, identifier)
        if found is None:
            name = "Files of single jobs"
            new = Directory(id=identifier, project_id=project_id, name=name, type=JOBS_TYPE)
            if await try_insert(self._session, new):
                return new
            found = await self._session.get_one(Directory, identifier)
        if found.deleted_at is not None:
            found.deleted_at = None
            await self._session.flush()
        return found

    async def find_or_create_source(
        self, project_id: str, name: str, source: dict[str, Any]
    ) -> Directory:
        """Return the project's directory for ``source``, creating it if needed."""
        key = source_key_of(source)
        query = select(Directory).where(
            Directory.project_id == project_id, Directory.source_key == key
        )
        found = (await self._session.scalars(query)).one_or_none()
        if found is not None:
            return found
        directory = Directory(
            id=new_id(Prefix.DIRECTORY),
            project_id=project_id,
            name=name,
            source=source,
            source_key=key,
        )
        if await try_insert(self._session, directory):
            return directory
        return (await self._session.scalars(query)).one()

    async def get(
        self, project_id: str, directory_id: str, *, include_deleted: bool = False
    ) -> Directory:
        """Return one directory in its current state.

        Raises:
            NotFoundError: there is none in this project, it was deleted, or it is internal.
        """
        query = select(Directory).where(
            Directory.id == directory_id, Directory.project_id == project_id, is_public()
        )
        if not include_deleted:
            query = query.where(Directory.deleted_at.is_(None))
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        if found is None:
            raise NotFoundError(
                f"No directory {directory_id}.", "List directories to see their ids."
            )
        return found

    async def update(
        self,
        project_id: str,
        directory_id: str,
        **columns: Unpack[DirectoryChange],
    ) -> Directory:
        """Update the given columns.

        Raises:
            NotFoundError: there is no such directory in this project.
        """
        directory = await self.get(project_id, directory_id)
        for column, value in columns.items():
            setattr(directory, column, value)
        await self._session.flush()
        return directory

    async def delete(self, project_id: str, directory_id: str) -> None:
        """Delete a directory. Batches continue with their frozen listings.

        Raises:
            NotFoundError: there is no such directory in this project.
        """
        directory = await self.get(project_id, directory_id)
        directory.deleted_at = now()
        directory.source_key = None  # the source may get a new directory
        await self._session.flush()

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[DirectoryFilters],
    ) -> Slice[Directory]:
        """Return one page of directories, newest first.

        Raises:
            UsageError: the cursor is invalid.
        """
        query = select(Directory).where(Directory.project_id == project_id, is_public())
        name, types = filters.get("name"), filters.get("types")
        if name is not None:
            query = query.where(Directory.name == name)
        if types is not None:
            query = query.where(Directory.type.in_(types))
        if not filters.get("include_deleted"):
            query = query.where(Directory.deleted_at.is_(None))
        key = (Directory.created_at, Directory.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)
