"""Extract jobs: those that batches make, and those of their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentCreates
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.extract.answers import ExtractReader
from docmill.api.extract.schema_drafts import SchemaDrafts, name_for
from docmill.api.extract.schemas import (
    ExtractCreate,
    ExtractExpand,
    ExtractJobView,
    GeneratedConfiguration,
    GeneratedParameters,
    SchemaGeneration,
    SchemaValidation,
    ValidSchema,
)
from docmill.api.jobs.configured import configured
from docmill.api.jobs.create import NewJob, SingleJobs
from docmill.api.jobs.documents import NamedDocument, named_document
from docmill.api.jobs.product_jobs import Listed, ProductJobs
from docmill.api.jobs.schemas import DocumentInput, JobDeleted
from docmill.contracts.words import JobType
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


schema_router = APIRouter(prefix="/api/v2/extract/schema", tags=["extract"])


@schema_router.post("/validation")
async def validate_schema(body: SchemaValidation) -> ValidSchema:
    """Check a schema, and return it as jobs use it; 422 names the place where it is wrong."""
    return ValidSchema(data_schema=body.data_schema)


@schema_router.post("/generate")
async def generate_schema(
    services: CurrentServices, scope: CurrentScope, body: SchemaGeneration
) -> GeneratedConfiguration:
    """Make a schema by the configured model, as what a configuration can be created from.

    Its file is read by a parse job; while that runs for long, the answer is 503, to be repeated.
    A ``data_schema`` alone needs no model.
    """
    schema = await SchemaDrafts(services, scope).draft(body)
    return GeneratedConfiguration(
        name=name_for(body, schema), parameters=GeneratedParameters(data_schema=schema)
    )
