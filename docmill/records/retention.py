"""Retention: expired results and directories that nothing uses.

A batch that has not ended protects all that it may use: results that were created or used since it
began, and all results from directories that it lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.words import OPEN_BATCHES
from docmill.records.items import job_id_of
from docmill.records.statements import chunked
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem, BatchListing, Result
from docmill.records.tables.sources import Directory, DirectoryFile, File, Project

_LAST_USED = func.coalesce(Result.used_at, Result.created_at)


@dataclass(frozen=True, slots=True)
class Purged:
    """A purged result whose objects have to be deleted."""

    id: str
    object_prefix: str


class Retention:
    """Finds expired rows and marks them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # -- results ----------------------------------------------------------------------------

    async def purge_results(
        self, project_id: str, before: datetime, after: str, limit: int
    ) -> tuple[Sequence[Purged], str | None]:
        """Mark results that were last used before ``before`` as purged.

        Args:
            project_id: owner of the results.
            before: limit; results that open batches use stay in any case.
            after: id after which to start, in the order of ids.
            limit: maximum number of results to check.

        Returns:
            The purged results, and the id after which to continue; None at the end.
        """
        oldest = await self._session.scalar(
            select(func.min(Batch.created_at)).where(
                Batch.project_id == project_id, Batch.status.in_(OPEN_BATCHES)
            )
        )
        unused = (
            Result.project_id == project_id,
            Result.purged_at.is_(None),
            (before if oldest is None else min(before, oldest)) > _LAST_USED,
        )
        query = select(Result.id, Result.object_prefix, Result.job_type)
        query = query.where(*unused, Result.id > after)
        found = (await self._session.execute(query.order_by(Result.id).limit(limit))).all()
        jobs = {job_id_in(row.object_prefix, row.job_type): row.object_prefix for row in found}
        kept = await self._listed_by_open_batches(jobs)
        ids = [row.id for row in found if row.object_prefix not in kept]
        marked = (
            update(Result)
            .where(Result.id.in_(ids), *unused)
            .values(purged_at=now())
            .returning(Result.id, Result.object_prefix)
        )
        purged = [Purged(*row) for row in await self._session.execute(marked)] if ids else []
        return purged, found[-1].id if len(found) == limit else None

    async def _listed_by_open_batches(self, prefix_of_job: Mapping[str, str]) -> set[str]:
        """Return those results whose file is in a directory that an open batch lists."""
        listed = exists().where(
            Batch.status.in_(OPEN_BATCHES),
            or_(
                Batch.directory_id == BatchItem.directory_id,
                exists().where(
                    BatchListing.batch_id == Batch.id,
                    BatchListing.directory_id == BatchItem.directory_id,
                    BatchListing.sequence == BatchItem.sequence,
                ),
            ),
        )
        kept: set[str] = set()
        for some in chunked(list(prefix_of_job)):
            query = select(BatchItem.job_id).where(BatchItem.job_id.in_(some), listed)
            kept |= {prefix_of_job[job_id] for job_id in await self._session.scalars(query)}
        return kept

    async def marked_results(self, limit: int) -> Sequence[Purged]:
        """Return purged results whose objects may still exist."""
        query = select(Result.id, Result.object_prefix).where(
            Result.purged_at.is_not(None), Result.object_prefix != ""
        )
        return [Purged(*row) for row in await self._session.execute(query.limit(limit))]

    async def forget_objects(self, result: Purged) -> None:
        """Record that the objects of a purged result were deleted, unless it was recreated."""
        gone = update(Result).where(
            Result.id == result.id,
            Result.object_prefix == result.object_prefix,
            Result.purged_at.is_not(None),
        )
        await self._session.execute(gone.values(object_prefix=""))

    # -- directories ------------------------------------------------------------------------

    async def expire_directories(self, at: datetime, limit: int) -> Sequence[str]:
        """Delete expired ephemeral directories; return their ids.

        A directory that an open batch lists stays until the batch ends.
        """
        in_use = exists().where(
            Batch.status.in_(OPEN_BATCHES),
            or_(
                Batch.directory_id == Directory.id,
                exists().where(
                    BatchListing.batch_id == Batch.id,
                    BatchListing.directory_id == Directory.id,
                ),
            ),
        )
        over = (
            select(Directory.id)
            .where(
                Directory.type == "ephemeral",
                Directory.deleted_at.is_(None),
                Directory.expires_at < at,
                ~in_use,
            )
            .limit(limit)
        )
        hidden = update(Directory).where(Directory.id.in_(over)).returning(Directory.id)
        found = await self._session.scalars(hidden.values(deleted_at=now(), source_key=None))
        return found.all()


def job_id_in(object_prefix: str, job_type: str) -> str:
    """Return the job that created a result; see `docmill.objects.results.result_prefix`."""
    _, _, owner, _, attempt = object_prefix.split("/")
    if not attempt.endswith("."):
        return owner  # older versions stored results under their job
    return job_id_of(job_type, owner, int(attempt.partition("-")[0]))


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
"""In an existing directory, or in one that an open batch uses."""


class UnlistedFiles:
    """Queries over deleted files and files of expired directories."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_project(self, project_id: str) -> None:
        """Prevent new files in the project until this transaction ends.

        Each file row references the project's row, which this locks. SQLite has a single writer.
        """
        query = select(Project.id).where(Project.id == project_id).with_for_update()
        await self._session.execute(query)

    async def expired(self, project_id: str, before: datetime, limit: int) -> Sequence[File]:
        """Return files that were deleted, or whose last directory expired, before ``before``."""
        deleted = func.coalesce(
            File.deleted_at,
            select(func.max(Directory.deleted_at)).where(_LISTS).correlate(File).scalar_subquery(),
        )
        # A file with a purpose was uploaded on its own.
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

    async def release(self, file: File) -> str | None:
        """Detach a file from its bytes; return their key if no other file references them."""
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
