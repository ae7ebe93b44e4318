"""Product jobs: those of batch items, and those of their own."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Unpack

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts import Outcome
from docmill.errors import ConflictError, NotFoundError
from docmill.records.keyset import DEFAULT_LIMIT, CreatedRange, Slice, created_between, page_of
from docmill.records.portable import Insert, dialect_of, insert_for, try_insert
from docmill.records.tables import Batch, Job, now

ENDED = ("COMPLETED", "FAILED", "CANCELLED")

_CHANGING = (
    "status",
    "result_id",
    "failure_class",
    "error_message",
    "updated_at",
    "started_at",
    "ended_at",
)
"""What a later state of the same job replaces."""


class JobFilters(CreatedRange, total=False):
    """Filters of a list of jobs; None and a missing one take all."""

    status: str | Collection[str] | None
    job_type: str | None
    batch_id: str | None
    job_ids: Sequence[str] | None
    file_id: str | None
    configuration_id: str | None
    input_kind: str | None
    """How the request named the document; a batch's items are files."""
    file_input: str | None
    """What the request called the document; a batch's item has its own id."""


def job_status_of(outcome: Outcome, result_id: str | None) -> str:
    """Return the status of an item's job: a skipped item that shares a result has completed."""
    if outcome is Outcome.CANCELLED:
        return "CANCELLED"
    return "COMPLETED" if result_id is not None else "FAILED"


async def upsert_jobs(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Insert jobs, or bring the ones that exist to this state.

    Every row gives the same keys, among them all of `_CHANGING`.
    """
    await session.execute(_upsert_job(dialect_of(session)), list(rows))


@cache
def _upsert_job(dialect: str) -> Insert:
    insert = insert_for(dialect, Job)
    state = {name: insert.excluded[name] for name in _CHANGING}
    return insert.on_conflict_do_update(index_elements=["id"], set_=state)


class Jobs:
    """Queries over jobs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, job: Job) -> tuple[Job, bool]:
        """Insert ``job``; when its id exists, return that job, untouched, and False."""
        if await try_insert(self._session, job):
            return job, True
        return await self.get(job.project_id, job.id), False

    async def get(self, project_id: str | None, job_id: str) -> Job:
        """Return one job as it is now; ``project_id`` None looks in every project.

        Raises:
            NotFoundError: there is none in this project.
        """
        query = select(Job).where(Job.id == job_id)
        if project_id is not None:
            query = query.where(Job.project_id == project_id)
        found = await self._session.scalar(query.execution_options(populate_existing=True))
        if found is None:
            raise NotFoundError(f"No job {job_id}.", "A batch's items name their jobs.")
        return found

    async def update(
        self, job_id: str, *, from_: Collection[str] | None = None, **fields: Any
    ) -> bool:
        """Change columns of a job if its status is one of ``from_`` (None: whatever it is).

        Returns:
            Whether a job was changed.
        """
        changed = update(Job).where(Job.id == job_id).values(updated_at=now(), **fields)
        if from_ is not None:
            changed = changed.where(Job.status.in_(from_))
        return await self._session.scalar(changed.returning(Job.id)) is not None

    async def delete(self, project_id: str, job_id: str) -> None:
        """Remove a job that has ended; its result stays for others that share it.

        Raises:
            NotFoundError: there is none in this project.
            ConflictError: it has not ended.
        """
        job = await self.get(project_id, job_id)
        if job.status not in ENDED:
            raise ConflictError(f"The job {job_id} has not ended.", "Cancel it first.")
        await self._session.execute(delete(Job).where(Job.id == job_id))

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> Slice[Job]:
        """Return one page of jobs, newest first.

        Raises:
            UsageError: the cursor is not one of ours.
        """
        query = _filtered(select(Job).where(Job.project_id == project_id), filters)
        key = (Job.created_at, Job.id)
        return await page_of(self._session, query, key, limit=limit, token=cursor)


def _filtered(query: Select[Job], filters: JobFilters) -> Select[Job]:
    equal = {
        Job.job_type: filters.get("job_type"),
        Job.batch_id: filters.get("batch_id"),
        Job.file_id: filters.get("file_id"),
        Job.configuration_id: filters.get("configuration_id"),
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    job_ids = filters.get("job_ids")
    if job_ids is not None:
        query = query.where(Job.id.in_(job_ids))
    status = filters.get("status")
    if status is not None:
        query = query.where(Job.status.in_([status] if isinstance(status, str) else status))
    return created_between(_of_input(query, filters), Job.created_at, filters)


def _of_input(query: Select[Job], filters: JobFilters) -> Select[Job]:
    """Narrow to what the request of a job of its own said, which its batch of one keeps."""
    kind, named = filters.get("input_kind"), filters.get("file_input")
    if kind is None and named is None:
        return query
    query = query.join(Batch, Batch.id == Job.batch_id)
    if kind is not None:
        asked = Batch.config["document_input_type"].as_string()
        query = query.where(func.coalesce(asked, "file_id") == kind)
    if named is not None:
        asked = Batch.config["file_input"].as_string()
        query = query.where(func.coalesce(asked, Job.item_id) == named)
    return query
