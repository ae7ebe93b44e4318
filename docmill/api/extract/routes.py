"""Routes of extract jobs, of batches and single ones, and of their schemas."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import CursorPage, DocumentInput, JobDeleted, PageSize, Text, page_limit
from docmill.api.extract.schema_generator import SchemaGenerator, schema_name
from docmill.api.extract.schemas import (
    ExtractCreate,
    ExtractExpand,
    ExtractJobMetadata,
    ExtractJobView,
    ExtractMetadata,
    ExtractUsage,
    FieldMetadata,
    GeneratedConfiguration,
    GeneratedParameters,
    PagesUsage,
    SchemaGeneration,
    SchemaValidation,
    ValidSchema,
)
from docmill.api.jobs.configurations import configured
from docmill.api.jobs.documents import NamedDocument, find_document
from docmill.api.jobs.product_jobs import JobFilterQuery, ProductJobs
from docmill.api.jobs.reader import JobReader
from docmill.api.jobs.single_jobs import NewJob, SingleJobs
from docmill.contracts.words import JobType
from docmill.engines.extract.base import ExtractResult
from docmill.parameters.extract import ExtractParameters
from docmill.records.batches import SINGLE_JOB
from docmill.records.database import Session
from docmill.records.jobs import Job

PARALLEL_READS = 8
"""Results of one list that are read at the same time: each may be large."""


class ExtractReader:
    """Reads extract jobs of batches and single extract jobs."""

    def __init__(self, services: Services) -> None:
        self._jobs = JobReader(services)
        self._turns = asyncio.Semaphore(PARALLEL_READS)

    async def views(
        self, jobs: Sequence[Job], wanted: Collection[str] = ()
    ) -> list[ExtractJobView]:
        """Return jobs as response models, in their order, with the parts that ``expand`` names."""
        return await asyncio.gather(*(self._view(job, wanted) for job in jobs))

    async def view(self, job: Job, wanted: Collection[str] = ()) -> ExtractJobView:
        """Return one job as a response model, with the parts that ``expand`` names.

        Raises:
            PurgedError: retention removed its result.
        """
        await self._jobs.check_not_purged(job)
        return (await self.views([job], wanted))[0]

    async def _view(self, job: Job, wanted: Collection[str]) -> ExtractJobView:
        requested = job.batch.config if job.batch.api == SINGLE_JOB else {}
        parameters = ExtractParameters.model_validate(job.parameters)
        view = ExtractJobView(
            id=job.id,
            file_input=requested.get("file_input") or job.item_id,
            project_id=job.project_id,
            status=job.status,
            created_at=job.created_at,
            updated_at=job.updated_at,
            configuration_id=job.configuration_id,
            configuration=parameters if "configuration" in wanted else None,
            error_message=job.error_message,
            warnings=job.warnings,
        )
        async with self._turns:
            result = await self._result(job)
        if "usage" in wanted:
            view.usage = ExtractUsage.model_validate(
                {**(result.usage if result else {}), "credits": await self._jobs.credits(job)}
            )
        if result is not None:
            view.extract_result = result.result
            view.metadata = _job_metadata(result)
            cited = parameters.cite_sources or parameters.confidence_scores
            if cited or "extract_metadata" in wanted:
                view.extract_metadata = _metadata(result, parameters, requested)
        return view

    async def _result(self, job: Job) -> ExtractResult | None:
        data = await self._jobs.stored_unless_purged(job)
        if data is None:
            return None
        # In a thread: validation of a large result takes long and would block other requests.
        return await asyncio.to_thread(ExtractResult.model_validate_json, data)


def _metadata(
    result: ExtractResult, parameters: ExtractParameters, requested: dict[str, Any]
) -> ExtractMetadata:
    by_parse = requested.get("document_input_type") == "parse_job_id"
    known = result.field_metadata
    return ExtractMetadata(
        field_metadata=FieldMetadata.model_validate(known) if known else None,
        parse_job_id=requested["file_input"] if by_parse else None,
        parse_tier=_tier(parameters) if result.text_engine else None,
    )


def _job_metadata(result: ExtractResult) -> ExtractJobMetadata:
    return ExtractJobMetadata(
        usage=PagesUsage(
            num_pages_extracted=result.pages_ok,
            num_pages_billed=result.usage.get("pages_billed", 0),
        ),
        engine=result.engine,
        engine_version=result.engine_version,
        pages=result.result_pages or None,
        partial=result.partial,
        warnings=result.warnings,
    )


def _tier(parameters: ExtractParameters) -> str:
    """Return the tier with which the text was parsed."""
    read_by = parameters.parse_parameters
    return parameters.parse_tier or (read_by.tier if read_by else "cost_effective")


router = APIRouter(prefix="/api/v2/extract", tags=["extract"])


async def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.EXTRACT)


ExtractJobs = Annotated[ProductJobs, Depends(_jobs)]
Expand = Annotated[list[ExtractExpand] | None, Query()]


@router.post("")
async def create_extract_job(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: ExtractCreate,
) -> ExtractJobView:
    """Extract what a schema describes from a file."""

    async def build(session: Session) -> NewJob:
        parameters, found = await configured(session, scope.project_id, JobType.EXTRACT, body)
        document = await find_document(services, session, scope, body.file_input)
        return NewJob(
            document.source,
            parameters | _as_parsed(document),
            requested={"document_input_type": document.kind, "file_input": document.shown},
            configuration=found,
            webhook_ids=body.webhook_configuration_ids,
            webhooks=body.webhook_configurations,
        )

    jobs = SingleJobs(services, scope, JobType.EXTRACT)
    job = await jobs.create(idempotency, body.model_dump(), build)
    return await ExtractReader(services).view(job)


def _as_parsed(document: NamedDocument) -> dict[str, Any]:
    """Return the parse parameters of the parse job that names the document; else nothing.

    Raises:
        FieldError: the parse job has not completed.
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
    filter_: JobFilterQuery,
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
    """List extract jobs, newest first."""
    reader = ExtractReader(services)
    return await jobs.page(
        filter_,
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
    """Return a job, with its result once it has completed."""
    return await ExtractReader(services).view(await jobs.find(job_id), expand or ())


@router.post("/{job_id}/cancel")
async def cancel_extract_job(
    services: CurrentServices, jobs: ExtractJobs, job_id: str
) -> ExtractJobView:
    """Cancel a single job; a file of a batch is cancelled with its batch."""
    return await ExtractReader(services).view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_extract_job(
    jobs: ExtractJobs,
    job_id: str,
    force: Annotated[
        bool, Query(description="End a running job first, even if its workflow is gone.")
    ] = False,
) -> JobDeleted:
    """Delete a job that has ended; results that other jobs share are kept."""
    return await jobs.delete(job_id, force=force)


schema_router = APIRouter(prefix="/api/v2/extract/schema", tags=["extract"])


@schema_router.post("/validation")
async def validate_schema(body: SchemaValidation) -> ValidSchema:
    """Validate a schema and return it in the form that jobs use; 422 names the invalid place."""
    return ValidSchema(data_schema=body.data_schema)


@schema_router.post("/generate")
async def generate_schema(
    services: CurrentServices, scope: CurrentScope, body: SchemaGeneration
) -> GeneratedConfiguration:
    """Generate a schema with the configured model, as the body of a new configuration.

    An example file is read by a parse job. While that job takes long, the response is 503; send the
    request again. A ``data_schema`` alone needs no model.
    """
    schema = await SchemaGenerator(services, scope).draft(body)
    return GeneratedConfiguration(
        name=schema_name(body, schema), parameters=GeneratedParameters(data_schema=schema)
    )
