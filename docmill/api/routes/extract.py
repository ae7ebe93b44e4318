"""Extract jobs: those that batches make, and those of their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from docmill.api.configured import configured
from docmill.api.documents import NamedDocument, named_document
from docmill.api.errors import FieldError
from docmill.api.extract_answers import ExtractReader
from docmill.api.idempotency import CurrentCreates
from docmill.api.product_jobs import Listed, ProductJobs
from docmill.api.schemas.extract import (
    ExtractCreate,
    ExtractExpand,
    ExtractJobView,
)
from docmill.api.schemas.jobs import DocumentInput, JobDeleted
from docmill.api.scope import CurrentScope
from docmill.api.services import CurrentServices
from docmill.api.single_jobs import NewJob, SingleJobs
from docmill.api.wire import CursorPage, PageSize, Text, page_limit
from docmill.contracts import JobType
from docmill.records.database import Session

router = APIRouter(prefix="/api/v2/extract", tags=["extract"])


def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.EXTRACT)


ExtractJobs = Annotated[ProductJobs, Depends(_jobs)]
Expand = Annotated[list[ExtractExpand] | None, Query()]


@router.post("")
async def create_extract_job(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, body: ExtractCreate
) -> ExtractJobView:
    """Extract what a schema describes from a file."""

    async def build(session: Session) -> NewJob:
        parameters, found = await configured(session, scope.project_id, JobType.EXTRACT, body)
        document = await named_document(services, session, scope, body.file_input)
        return NewJob(
            document.source,
            parameters | _as_parsed(document),
            asked={"document_input_type": document.kind, "file_input": document.shown},
            configuration=found,
            webhook_ids=body.webhook_configuration_ids,
            webhooks=body.webhook_configurations,
        )

    jobs = SingleJobs(services, scope, JobType.EXTRACT)
    job = await jobs.create(creates, body.model_dump(), build)
    return await ExtractReader(services).view(job)


def _as_parsed(document: NamedDocument) -> dict[str, Any]:
    """Return the parameters that read the document as the parse job that names it has done.

    Raises:
        FieldError: that job has not completed.
    """
    if document.kind != "parse_job_id":
        return {}
    if document.parse_status != "COMPLETED":
        raise FieldError(
            f"The parse job {document.shown} is {document.parse_status}.",
            "body",
            "file_input",
            hint="Wait until it is COMPLETED, or name the file itself.",
        )
    return {"parse_parameters": document.parse_parameters}


@router.get("")
async def list_extract_jobs(
    services: CurrentServices,
    jobs: ExtractJobs,
    listed: Listed,
    *,
    configuration_id: Annotated[Text | None, Query()] = None,
    document_input_type: Annotated[DocumentInput | None, Query()] = None,
    file_input: Annotated[Text | None, Query()] = None,
    document_input_value: Annotated[
        Text | None, Query(deprecated=True, description="The same as file_input.")
    ] = None,
    expand: Expand = None,
    page_size: Annotated[PageSize, Query()] = None,
) -> CursorPage[ExtractJobView]:
    """One page of extract jobs, newest first."""
    reader = ExtractReader(services)
    return await jobs.page(
        listed,
        page_limit(page_size),
        lambda found: reader.views(found, expand or ()),
        configuration_id=configuration_id,
        input_kind=document_input_type,
        file_input=file_input or document_input_value,
    )


@router.get("/{job_id}")
async def get_extract_job(
    services: CurrentServices, jobs: ExtractJobs, job_id: str, expand: Expand = None
) -> ExtractJobView:
    """A job with its result, once there is one."""
    return await ExtractReader(services).view(await jobs.find(job_id), expand or ())


@router.post("/{job_id}/cancel")
async def cancel_extract_job(
    services: CurrentServices, jobs: ExtractJobs, job_id: str
) -> ExtractJobView:
    """Ask a job of its own to stop; a file of a batch is cancelled with its batch."""
    return await ExtractReader(services).view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_extract_job(
    jobs: ExtractJobs,
    job_id: str,
    force: Annotated[
        bool, Query(description="End a job that runs first, even if its workflow is gone.")
    ] = False,
) -> JobDeleted:
    """Remove a job that has ended; results that others share stay."""
    return await jobs.delete(job_id, force=force)
