"""Classify jobs: those that batches make, and those of their own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from docmill.api.classify.answers import ClassifyReader
from docmill.api.classify.schemas import ClassifyCreate, ClassifyJobView
from docmill.api.core.idempotency import CurrentCreates
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, Text
from docmill.api.jobs.configured import configured
from docmill.api.jobs.create import NewJob, SingleJobs
from docmill.api.jobs.documents import named_document
from docmill.api.jobs.product_jobs import Listed, ProductJobs
from docmill.api.jobs.schemas import JobDeleted
from docmill.contracts.words import JobType
from docmill.ids import Prefix, derived_id
from docmill.records.database import Session

router = APIRouter(prefix="/api/v2/classify", tags=["classify"])

MAX_CLASSIFY_PAGE = 100
DEFAULT_PAGE = 50

Expand = Literal["usage"]


def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.CLASSIFY)


ClassifyJobs = Annotated[ProductJobs, Depends(_jobs)]


@router.post("")
async def create_classify_job(
    services: CurrentServices,
    scope: CurrentScope,
    creates: CurrentCreates,
    body: ClassifyCreate,
) -> ClassifyJobView:
    """Classify a file; a ``transaction_id`` that was used before returns the job it made."""

    async def build(session: Session) -> NewJob:
        document = await named_document(services, session, scope, body.document)
        parameters, found = await configured(session, scope.project_id, JobType.CLASSIFY, body)
        asked = {
            "document_input_type": document.kind,
            "file_input": document.shown,
            "transaction_id": body.transaction_id,
        }
        return NewJob(
            document.source,
            parameters,
            asked=asked,
            configuration=found,
            webhook_ids=body.webhook_configuration_ids,
            webhooks=body.webhook_configurations,
        )

    jobs = SingleJobs(services, scope, JobType.CLASSIFY)
    if body.transaction_id is None:
        job = await jobs.create(creates, body.model_dump(), build)
    else:
        what = (scope.project_id, JobType.CLASSIFY.value, body.transaction_id)
        job = await jobs.create_as(derived_id(Prefix.BATCH, *what), build)
    return await ClassifyReader(services).view(job)


@router.get("")
async def list_classify_jobs(
    services: CurrentServices,
    jobs: ClassifyJobs,
    listed: Listed,
    configuration_id: Annotated[Text | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=MAX_CLASSIFY_PAGE)] = DEFAULT_PAGE,
) -> CursorPage[ClassifyJobView]:
    """One page of classify jobs, newest first."""
    views = ClassifyReader(services).views
    return await jobs.page(listed, page_size, views, configuration_id=configuration_id)


@router.get("/{job_id}")
async def get_classify_job(
    services: CurrentServices,
    jobs: ClassifyJobs,
    job_id: str,
    expand: Annotated[list[Expand] | None, Query()] = None,
) -> ClassifyJobView:
    """A job with its result, once there is one."""
    found = await jobs.find(job_id)
    return await ClassifyReader(services).view(found, usage="usage" in (expand or ()))


@router.post("/{job_id}/cancel")
async def cancel_classify_job(
    services: CurrentServices, jobs: ClassifyJobs, job_id: str
) -> ClassifyJobView:
    """Ask a job of its own to stop; a file of a batch is cancelled with its batch."""
    return await ClassifyReader(services).view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_classify_job(jobs: ClassifyJobs, job_id: str) -> JobDeleted:
    """Remove a job that has ended; results that others share stay."""
    return await jobs.delete(job_id)
