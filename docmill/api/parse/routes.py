"""Routes of parse jobs, of batches and single ones."""

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency
from docmill.api.core.limits import UploadLimit
from docmill.api.core.scope import CurrentScope, Scope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.uploads import UPLOAD_BYTES, form_body, receive_upload, stored_upload
from docmill.api.core.wire import CursorPage, JobDeleted, PageSize, Text, page_limit
from docmill.api.jobs.configurations import configuration_of
from docmill.api.jobs.documents import Source, UrlSource, check_proxy, document_name, find_source
from docmill.api.jobs.product_jobs import JobFilterQuery, ProductJobs
from docmill.api.jobs.single_jobs import NewJob, SingleJobs
from docmill.api.parse.reader import ParseReader, job_view
from docmill.api.parse.schemas import (
    Expand,
    ParseAnswer,
    ParseCreate,
    ParseJobView,
    ParseOptions,
    ParseVersions,
)
from docmill.contracts.words import JobType
from docmill.parameters import job_parameters
from docmill.records.database import Session
from docmill.records.jobs import Job

router = APIRouter(prefix="/api/v2/parse", tags=["parse"])
versions_router = APIRouter(tags=["parse"])
"""Routes that need no API key."""


@router.post("")
async def create_parse_job(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: ParseCreate,
) -> ParseJobView:
    """Create a parse job over an uploaded file, or over a URL that a worker fetches."""
    check_proxy(services.settings, body.http_proxy)

    async def build(session: Session) -> NewJob:
        return await _new(session, scope, body, await _source(services, session, scope, body))

    jobs = SingleJobs(services, scope, JobType.PARSE)
    job = await jobs.create(idempotency, body.model_dump(), build)
    return job_view(job)


@router.post(
    "/upload",
    max_body_size=UPLOAD_BYTES,
    openapi_extra=form_body("file", required=["configuration"], optional=[]),
)
async def upload_and_parse(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    request: Request,
) -> ParseJobView:
    """Upload a file and parse it; ``configuration`` is a JSON object as a string."""
    limit = UploadLimit.of(services.settings, services.limits)
    async with receive_upload(request, "file", services.scratch, limit) as upload:
        options = _options(upload.fields.get("configuration", ""))
        check_proxy(services.settings, options.http_proxy)
        requested = {"name": upload.name, "sha256": upload.sha256, "options": options.model_dump()}
        async with stored_upload(services, scope.project_id, upload, purpose="parse") as file:

            async def build(session: Session) -> NewJob:
                return await _new(session, scope, options, file)

            jobs = SingleJobs(services, scope, JobType.PARSE)
            job = await jobs.create(idempotency, requested, build)
    return job_view(job)


async def _source(services: Services, session: Session, scope: Scope, body: ParseCreate) -> Source:
    """Return the document that the request names.

    Raises:
        NotFoundError: the project has no such file.
        FieldError: the URL is rejected.
    """
    if body.file_id is not None:
        return await find_source(session, scope.project_id, body.file_id)
    assert body.source_url is not None
    name = document_name(services.fence, body.source_url)
    return UrlSource(name, body.source_url, body.http_proxy)


def _options(text: str) -> ParseOptions:
    """Return the configuration in the form.

    Raises:
        RequestValidationError: a field is invalid.
        FieldError: it is not JSON.
    """
    try:
        given = json.loads(text)
        return ParseOptions.model_validate(given)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise RequestValidationError(
            [{**one, "loc": ("body", "configuration", *one["loc"])} for one in details]
        ) from None
    except (ValueError, RecursionError):
        raise FieldError("Must be a JSON object as a string.", "body", "configuration") from None


async def _new(session: Session, scope: Scope, options: ParseOptions, source: Source) -> NewJob:
    """Return a new job with the parameters of a configuration, overridden by the request's.

    Raises:
        NotFoundError: the project has no such configuration.
        FieldError: it belongs to another product.
    """
    found, saved = None, {}
    if options.configuration_id is not None:
        found = await configuration_of(
            session, scope.project_id, options.configuration_id, "parse_v2", "body"
        )
        saved = job_parameters(found.parameters)
    return NewJob(
        source,
        {**saved, **options.parameters()},
        configuration=found,
        user_metadata=options.user_metadata,
        webhook_ids=options.webhook_configuration_ids,
        webhooks=options.webhook_configurations,
    )


VERSIONS = {
    "fast": ["2026-06-15", "2025-12-11"],
    "cost_effective": ["2026-09-28"],
    "agentic": ["2026-10-16"],
    "agentic_plus": ["2026-09-28"],
}
"""The latest versions of each tier in LlamaCloud's clients (llama-cloud 2.19.0). Every version is
accepted and has no effect: each result has the version of the engine that made it."""


async def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.PARSE)


ParseJobs = Annotated[ProductJobs, Depends(_jobs)]


async def _views(jobs: Sequence[Job]) -> list[ParseJobView]:
    return [job_view(job) for job in jobs]


@versions_router.get("/api/v2/parse/versions")
async def list_versions() -> ParseVersions:
    """List the versions that a request may name; ``latest`` is always valid."""
    latest = {tier: versions[0] for tier, versions in VERSIONS.items()}
    return ParseVersions(**VERSIONS, latest=latest)


@router.get("")
async def list_parse_jobs(
    jobs: ParseJobs,
    filter_: JobFilterQuery,
    page_size: Annotated[PageSize, Query()] = None,
) -> CursorPage[ParseJobView]:
    """List parse jobs, newest first."""
    return await jobs.page(filter_, page_limit(page_size), _views)


@router.get("/{job_id}")
async def get_parse_job(
    services: CurrentServices,
    scope: CurrentScope,
    request: Request,
    job_id: str,
    *,
    expand: Annotated[list[Expand] | None, Query()] = None,
    image_filenames: Annotated[Text | None, Query(max_length=10_000)] = None,
) -> ParseAnswer:
    """Return a job, with the parts of its result that ``expand`` names.

    ``image_filenames`` selects images by name, separated by commas.
    """
    names = (name.strip() for name in (image_filenames or "").split(","))
    return await ParseReader(services).answer(
        scope.project_id,
        job_id,
        frozenset(expand or ()),
        request,
        frozenset(name for name in names if name),
    )


@router.post("/{job_id}/cancel")
async def cancel_parse_job(jobs: ParseJobs, job_id: str) -> ParseJobView:
    """Cancel a single job; a file of a batch is cancelled with its batch."""
    return job_view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_parse_job(jobs: ParseJobs, job_id: str) -> JobDeleted:
    """Delete a job that has ended; results that other jobs share are kept."""
    return await jobs.delete(job_id)
