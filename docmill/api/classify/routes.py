"""Routes of classify jobs, of batches and single ones."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from docmill.api.classify.schemas import (
    ClassifyAnswer,
    ClassifyCreate,
    ClassifyJobView,
    ClassifyUsage,
)
from docmill.api.core.idempotency import CurrentIdempotency
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import CursorPage, JobDeleted, Text
from docmill.api.jobs.configurations import configured
from docmill.api.jobs.documents import find_document
from docmill.api.jobs.product_jobs import JobFilterQuery, ProductJobs
from docmill.api.jobs.reader import JobReader
from docmill.api.jobs.single_jobs import NewJob, SingleJobs
from docmill.contracts.words import JobType
from docmill.engines.classify.base import ClassifyResult
from docmill.ids import Prefix, derived_id
from docmill.parameters.classify import ClassifyParameters
from docmill.records.batches import SINGLE_JOB
from docmill.records.database import Session
from docmill.records.jobs import Job

USER = "local"
"""API keys name no users, so all jobs have the same user."""


class ClassifyReader:
    """Reads classify jobs of batches and single classify jobs."""

    def __init__(self, services: Services) -> None:
        self._jobs = JobReader(services)

    async def views(self, jobs: Sequence[Job], *, usage: bool = False) -> list[ClassifyJobView]:
        """Return jobs as response models, in their order."""
        return await asyncio.gather(*(self._view(job, usage=usage) for job in jobs))

    async def view(self, job: Job, *, usage: bool = False) -> ClassifyJobView:
        """Return one job as a response model.

        Raises:
            PurgedError: retention removed its result.
        """
        await self._jobs.check_not_purged(job)
        return (await self.views([job], usage=usage))[0]

    async def _view(self, job: Job, *, usage: bool) -> ClassifyJobView:
        requested = job.batch.config if job.batch.api == SINGLE_JOB else {}
        kind = requested.get("document_input_type", "file_id")
        document = requested.get("file_input") or job.item_id
        billed = await self._jobs.credits(job) if usage else 0.0
        return ClassifyJobView(
            id=job.id,
            configuration=ClassifyParameters.model_validate(job.parameters),
            document_input_type=kind,
            file_input=document,
            project_id=job.project_id,
            user_id=USER,
            status=job.status,
            configuration_id=job.configuration_id,
            error_message=job.error_message,
            parse_job_id=document if kind == "parse_job_id" else None,
            result=await self._result(job),
            transaction_id=requested.get("transaction_id"),
            usage=ClassifyUsage(credits=billed, parse_credits=0.0) if usage else None,
            created_at=job.created_at,
            updated_at=job.updated_at,
            warnings=job.warnings,
        )

    async def _result(self, job: Job) -> ClassifyAnswer | None:
        data = await self._jobs.stored_unless_purged(job)
        if data is None:
            return None
        return ClassifyAnswer.model_validate(ClassifyResult.model_validate_json(data).result)


router = APIRouter(prefix="/api/v2/classify", tags=["classify"])

MAX_CLASSIFY_PAGE = 100
DEFAULT_PAGE = 50

Expand = Literal["usage"]


async def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.CLASSIFY)


ClassifyJobs = Annotated[ProductJobs, Depends(_jobs)]


@router.post("")
async def create_classify_job(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: ClassifyCreate,
) -> ClassifyJobView:
    """Classify a file; a repeated ``transaction_id`` returns the job of the first request."""

    async def build(session: Session) -> NewJob:
        document = await find_document(services, session, scope, body.document)
        parameters, found = await configured(session, scope.project_id, JobType.CLASSIFY, body)
        requested = {
            "document_input_type": document.kind,
            "file_input": document.shown,
            "transaction_id": body.transaction_id,
        }
        return NewJob(
            document.source,
            parameters,
            requested=requested,
            configuration=found,
            webhook_ids=body.webhook_configuration_ids,
            webhooks=body.webhook_configurations,
        )

    jobs = SingleJobs(services, scope, JobType.CLASSIFY)
    if body.transaction_id is None:
        job = await jobs.create(idempotency, body.model_dump(), build)
    else:
        parts = (scope.project_id, JobType.CLASSIFY.value, body.transaction_id)
        job = await jobs.create_as(derived_id(Prefix.BATCH, *parts), build)
    return await ClassifyReader(services).view(job)


@router.get("")
async def list_classify_jobs(
    services: CurrentServices,
    jobs: ClassifyJobs,
    filter_: JobFilterQuery,
    configuration_id: Annotated[Text | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=MAX_CLASSIFY_PAGE)] = DEFAULT_PAGE,
) -> CursorPage[ClassifyJobView]:
    """List classify jobs, newest first."""
    views = ClassifyReader(services).views
    return await jobs.page(filter_, page_size, views, configuration_id=configuration_id)


@router.get("/{job_id}")
async def get_classify_job(
    services: CurrentServices,
    jobs: ClassifyJobs,
    job_id: str,
    expand: Annotated[list[Expand] | None, Query()] = None,
) -> ClassifyJobView:
    """Return a job, with its result once it has completed."""
    found = await jobs.find(job_id)
    return await ClassifyReader(services).view(found, usage="usage" in (expand or ()))


@router.post("/{job_id}/cancel")
async def cancel_classify_job(
    services: CurrentServices, jobs: ClassifyJobs, job_id: str
) -> ClassifyJobView:
    """Cancel a single job; a file of a batch is cancelled with its batch."""
    return await ClassifyReader(services).view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_classify_job(jobs: ClassifyJobs, job_id: str) -> JobDeleted:
    """Delete a job that has ended; results that other jobs share are kept."""
    return await jobs.delete(job_id)
