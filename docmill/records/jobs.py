"""Jobs of the products, derived from ledger rows, batches and results."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import Row, Select, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.warnings import ResultWarning, parse_warnings
from docmill.contracts.words import BatchStatus, ItemStatus, JobStatus, SkipReason
from docmill.errors import ConflictError, NotFoundError
from docmill.records.batches import Batches
from docmill.records.job_lists import JobFilters, JobList, Place
from docmill.records.keyset import DEFAULT_LIMIT, MAX_LIMIT, Slice
from docmill.records.statements import chunked, insert_into, is_one_of
from docmill.records.tables.attempts import PastAttempt
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, BatchItem, JobDetails, Result
from docmill.records.tables.sources import DirectoryFile

TOO_LARGE = "The file is larger than the operator's limit."


@dataclass(frozen=True, slots=True)
class Job:
    """A job: an item of a batch, or a single job, which is a batch of one item.

    Attributes:
        batch: current row; a redrive may have changed its parameters since this job ran.
        item_id: id of the directory file.
        file_id: upload with the bytes; None for files that are read in place.
        configuration_id: configuration of the execution in which the job ran, like ``parameters``.
    """

    id: str
    batch: Batch
    position: int
    name: str
    status: JobStatus
    item_id: str
    file_id: str | None
    configuration_id: str | None
    parameters: dict[str, Any]
    user_metadata: dict[str, Any] | None
    result_id: str | None
    failure_class: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    warnings: list[ResultWarning]

    @property
    def project_id(self) -> str:
        """The project of its batch."""
        return self.batch.project_id

    @property
    def job_type(self) -> str:
        """The product of its batch."""
        return self.batch.job_type


_ROW = (
    BatchItem.job_id,
    BatchItem.batch_id,
    BatchItem.position,
    BatchItem.epoch,
    BatchItem.status,
    BatchItem.item_id,
    BatchItem.result_id,
    BatchItem.failure_class,
    BatchItem.failure_message,
    BatchItem.skip_reason,
    BatchItem.job_created_at,
    BatchItem.started_at,
    BatchItem.finished_at,
    DirectoryFile.display_name,
    DirectoryFile.file_id,
    JobDetails.user_metadata,
    BatchItem.warnings.label("own_warnings"),
    Result.warnings.label("result_warnings"),
)
_IS_JOB = and_(BatchItem.job_created_at.is_not(None), BatchItem.job_deleted_at.is_(None))


class Jobs:
    """Queries over jobs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, batch: Batch, position: int, user_metadata: dict[str, Any] | None) -> None:
        """Create the job of an item before it runs; idempotent.

        Args:
            batch: batch of a single job.
            position: position of the item, whose ledger row exists.
            user_metadata: notes of the requester.
        """
        made = (
            update(BatchItem)
            .where(
                BatchItem.batch_id == batch.id,
                BatchItem.position == position,
                BatchItem.job_created_at.is_(None),
            )
            .values(job_created_at=now())
            .returning(BatchItem.job_id)
        )
        job_id = await self._session.scalar(made)
        if job_id is not None and user_metadata is not None:
            details = {"job_id": job_id, "user_metadata": user_metadata}
            await self._session.execute(insert_into(self._session, JobDetails).values(details))

    async def get(self, project_id: str | None, job_id: str) -> Job:
        """Return one job in its current state; ``project_id`` None searches all projects.

        Raises:
            NotFoundError: there is none in this project.
        """
        query = _rows().where(BatchItem.job_id == job_id)
        if project_id is not None:
            query = query.join(Batch, Batch.id == BatchItem.batch_id)
            query = query.where(Batch.project_id == project_id)
        found = await self._read(query)
        if not found:
            raise NotFoundError(f"No job {job_id}.", "A batch's items name their jobs.")
        return found[0]

    async def delete(self, project_id: str, job_id: str) -> None:
        """Delete a job that has ended. The outcome of its item and its result stay.

        Raises:
            NotFoundError: there is none in this project.
            ConflictError: the job has not ended.
        """
        job = await self.get(project_id, job_id)
        if not job.status.terminal:
            raise ConflictError(f"The job {job_id} has not ended.", "Cancel it first.")
        deleted = update(BatchItem).where(BatchItem.job_id == job_id)
        await self._session.execute(deleted.values(job_deleted_at=now()))

    async def _read(self, query: Select[Any]) -> list[Job]:
        rows = (await self._session.execute(query)).all()
        batches = {
            batch.id: batch
            for batch in await Batches(self._session).several({row.batch_id for row in rows})
        }
        past = await self._attempts(
            {row.batch_id for row in rows if row.epoch < batches[row.batch_id].epoch}
        )
        return [
            _job(row, batches[row.batch_id], past.get((row.batch_id, row.epoch))) for row in rows
        ]

    async def _attempts(self, batch_ids: Collection[str]) -> dict[tuple[str, int], PastAttempt]:
        found: dict[tuple[str, int], PastAttempt] = {}
        for some in chunked(sorted(batch_ids)):
            query = select(PastAttempt).where(PastAttempt.batch_id.in_(some))
            found |= {(a.batch_id, a.epoch): a for a in await self._session.scalars(query)}
        return found

    async def list(
        self,
        project_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> Slice[Job]:
        """Return one page of jobs: newest batch first, in listing order within a batch.

        The number of rows read is bounded, so a page may be shorter than ``limit``. It is never
        empty while there is a next page.

        Raises:
            UsageError: the cursor is invalid.
        """
        place = None if cursor is None else Place.read(cursor)
        jobs = JobList(self._session, project_id, filters)
        job_ids, behind = await jobs.page(place, max(1, min(limit, MAX_LIMIT)))
        found: dict[str, Job] = {}
        for some in chunked(job_ids):
            one_of = is_one_of(self._session, BatchItem.job_id, some)
            found |= {job.id: job for job in await self._read(_rows().where(one_of))}
        return Slice([found[one] for one in job_ids], None if behind is None else behind.token())


def _rows() -> Select[Any]:
    """Select the columns of a job from the ledger row and the listing.

    The batch is not joined: SQLite would begin with all batches of the project.
    """
    listed = and_(
        DirectoryFile.directory_id == BatchItem.directory_id,
        DirectoryFile.sequence == BatchItem.sequence,
    )
    return (
        select(*_ROW)
        .select_from(BatchItem)
        .join(DirectoryFile, listed)
        .outerjoin(JobDetails, JobDetails.job_id == BatchItem.job_id)
        .outerjoin(Result, Result.id == BatchItem.result_id)
        .where(_IS_JOB)
    )


def _job(row: Row[Any], batch: Batch, past: PastAttempt | None) -> Job:
    """Build a job from a row of `_rows`, its batch, and the earlier execution in which it ran.

    An item that a redrive did not select belongs to the execution that ended it.
    """
    ran_in = batch if past is None else past
    ended_by = BatchStatus(batch.status)
    item = ItemStatus(row.status)
    status = JobStatus.of(item, ended_by, has_result=row.result_id is not None)
    message = row.failure_message
    if message is None and row.skip_reason == SkipReason.SIZE_LIMIT_EXCEEDED:
        message = TOO_LARGE
    if status.terminal and not item.ended:
        message = batch.reason
    return Job(
        id=row.job_id,
        batch=batch,
        position=row.position,
        name=row.display_name,
        status=status,
        item_id=row.item_id,
        file_id=row.file_id,
        configuration_id=ran_in.configuration_id,
        parameters=ran_in.parameters,
        user_metadata=row.user_metadata,
        result_id=row.result_id,
        failure_class=row.failure_class
        or (row.skip_reason if status is JobStatus.FAILED else None),
        error_message=message,
        created_at=row.job_created_at,
        updated_at=_latest((row.job_created_at, row.started_at, row.finished_at)),
        started_at=row.started_at,
        ended_at=row.finished_at,
        warnings=parse_warnings([*(row.own_warnings or ()), *(row.result_warnings or ())]),
    )


def _latest(moments: Iterable[datetime | None]) -> datetime:
    return max(moment for moment in moments if moment is not None)
