"""Operations that the jobs of all products share: find, list, cancel, delete."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query

from docmill.api.core.pagination import decode_token, encode_token
from docmill.api.core.scope import Scope
from docmill.api.core.services import Services
from docmill.api.core.wire import MAX_IDS, CursorPage, JobDeleted, Text, UtcTime
from docmill.api.jobs.reader import JobReader
from docmill.api.jobs.single_jobs import SingleJobs
from docmill.contracts.words import BatchStatus, JobType
from docmill.records.jobs import Job, Jobs

View = TypeVar("View")


@dataclass(frozen=True)
class JobFilter:
    """Filter of a list of jobs; both times are inclusive."""

    status: BatchStatus | None
    """Status of the job; no job is ever THROTTLED."""
    job_ids: list[str] | None
    created_at_on_or_after: datetime | None
    created_at_on_or_before: datetime | None
    page_token: str | None


async def _filter(
    *,
    status: Annotated[BatchStatus | None, Query()] = None,
    job_ids: Annotated[list[Text] | None, Query(max_length=MAX_IDS)] = None,
    created_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    created_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> JobFilter:
    return JobFilter(status, job_ids, created_at_on_or_after, created_at_on_or_before, page_token)


JobFilterQuery = Annotated[JobFilter, Depends(_filter)]


class ProductJobs:
    """Jobs of one product in one project: jobs of batches and single jobs."""

    def __init__(self, services: Services, scope: Scope, job_type: JobType) -> None:
        self._services = services
        self._scope = scope
        self._job_type = job_type

    async def find(self, job_id: str) -> Job:
        """Return one job, after its batch was reconciled with Temporal.

        Raises:
            NotFoundError: the project has no such job of this product.
        """
        return await JobReader(self._services).find(self._scope.project_id, self._job_type, job_id)

    async def page(
        self,
        filter_: JobFilter,
        limit: int,
        views: Callable[[Sequence[Job]], Awaitable[list[View]]],
        **further: Any,
    ) -> CursorPage[View]:
        """Return one page of jobs, newest first.

        Args:
            filter_: which jobs.
            limit: rows of the page.
            views: converts jobs to response models.
            further: filters that only this product has.
        """
        filters: dict[str, Any] = {
            "status": filter_.status,
            "job_ids": filter_.job_ids,
            "created_from": filter_.created_at_on_or_after,
            "created_to": filter_.created_at_on_or_before,
            "job_type": self._job_type.value,
            **further,
        }
        async with self._services.database.read() as session:
            found = await Jobs(session).list(
                self._scope.project_id,
                limit=limit,
                cursor=decode_token(filter_.page_token, self._scope.project_id, filters),
                **filters,
            )
        return CursorPage(
            items=await views(found.items),
            next_page_token=encode_token(found.next, self._scope.project_id, filters),
        )

    async def cancel(self, job_id: str) -> Job:
        """Request the cancellation of a single job.

        Raises:
            NotFoundError: the project has no such job of this product.
            ConflictError: it has ended, or belongs to a batch of several files.
            UnavailableError: Temporal is unavailable.
        """
        return await SingleJobs(self._services, self._scope, self._job_type).cancel(
            await self.find(job_id)
        )

    async def delete(self, job_id: str, *, force: bool = False) -> JobDeleted:
        """Delete a job that has ended; results that other jobs share are kept.

        Args:
            job_id: which job.
            force: end a running single job first, even if its workflow is gone or unreachable.

        Raises:
            NotFoundError: the project has no such job of this product.
            ConflictError: it has not ended, or belongs to a batch of several files.
        """
        job = await self.find(job_id)
        if force and not job.status.terminal:
            await SingleJobs(self._services, self._scope, self._job_type).end(job)
        async with self._services.database.write() as session:
            await Jobs(session).delete(self._scope.project_id, job_id)
        return JobDeleted(id=job_id, project_id=self._scope.project_id)
