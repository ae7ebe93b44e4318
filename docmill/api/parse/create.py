"""Parse jobs of their own: create by file id, by URL, or with the file."""

import json

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentCreates
from docmill.api.core.scope import CurrentScope, Scope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.uploads import UPLOAD_BYTES, form_body, receive_upload, stored_upload
from docmill.api.jobs.configured import configuration_of
from docmill.api.jobs.create import NewJob, SingleJobs
from docmill.api.jobs.documents import Source, UrlSource, check_proxy, checked_name, resolve_source
from docmill.api.parse.answers import job_view
from docmill.api.parse.schemas import ParseCreate, ParseJobView, ParseOptions
from docmill.contracts.words import JobType
from docmill.parameters import job_parameters
from docmill.records.database import Session
from docmill.settings import MIB

router = APIRouter(prefix="/api/v2/parse", tags=["parse"])


@router.post("")
async def create_parse_job(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, body: ParseCreate
) -> ParseJobView:
    """Create a parse job over an uploaded file, or over a URL that a worker fetches."""
    check_proxy(services.settings, body.http_proxy)

    async def build(session: Session) -> NewJob:
        return await _new(session, scope, body, await _source(services, session, scope, body))

    jobs = SingleJobs(services, scope, JobType.PARSE)
    job = await jobs.create(creates, body.model_dump(), build)
    return job_view(job)


@router.post(
    "/upload",
    max_body_size=UPLOAD_BYTES,
    openapi_extra=form_body("file", required=["configuration"], optional=[]),
)
async def upload_and_parse(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, request: Request
) -> ParseJobView:
    """Upload a file and parse it; ``configuration`` is a JSON object as a string."""
    limit = services.settings.max_upload_mb * MIB
    async with receive_upload(request, "file", services.scratch, limit) as upload:
        options = _options(upload.fields.get("configuration", ""))
        check_proxy(services.settings, options.http_proxy)
        asked = {"name": upload.name, "sha256": upload.sha256, "options": options.model_dump()}
        async with stored_upload(services, scope.project_id, upload, purpose="parse") as file:

            async def build(session: Session) -> NewJob:
                return await _new(session, scope, options, file)

            jobs = SingleJobs(services, scope, JobType.PARSE)
            job = await jobs.create(creates, asked, build)
    return job_view(job)


async def _source(services: Services, session: Session, scope: Scope, body: ParseCreate) -> Source:
    """Return the document that the request names.

    Raises:
        NotFoundError: the project has no such file.
        FieldError: the URL is refused.
    """
    if body.file_id is not None:
        return await resolve_source(session, scope.project_id, body.file_id)
    assert body.source_url is not None
    name = checked_name(services.fence, body.source_url)
    return UrlSource(name, body.source_url, body.http_proxy)


def _options(text: str) -> ParseOptions:
    """Return the form's configuration.

    Raises:
        RequestValidationError: a field of it is wrong.
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
    """Return a job with a configuration's parameters, and over them what the request says.

    Raises:
        NotFoundError: the project has no such configuration.
        FieldError: it configures another product.
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
