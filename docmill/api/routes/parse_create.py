"""Parse jobs of their own: create by file id, by URL, or with the file."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from docmill.api.configured import configured_parameters
from docmill.api.errors import FieldError
from docmill.api.file_ids import resolve_file
from docmill.api.idempotency import CurrentCreates
from docmill.api.multipart import form_body
from docmill.api.parse_answers import job_view
from docmill.api.schemas.parse import ParseJobView
from docmill.api.schemas.parse_create import ParseCreate, ParseOptions
from docmill.api.scope import CurrentScope, Scope
from docmill.api.services import CurrentServices, Services
from docmill.api.single_jobs import SingleJobs, UrlSource
from docmill.api.storing import stored_upload
from docmill.api.uploads import UPLOAD_BYTES, receive_upload
from docmill.api.url_sources import check_proxy, checked_name
from docmill.api.webhook_targets import aim_webhooks
from docmill.ids import Prefix
from docmill.records.files import Files
from docmill.records.tables import File
from docmill.settings import MIB

router = APIRouter(prefix="/api/v2/parse", tags=["parse"])


@router.post("")
async def create_parse_job(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, body: ParseCreate
) -> ParseJobView:
    """Create a parse job over an uploaded file, or over a URL that a worker fetches."""
    parameters = await _parameters(services, scope, body)
    source = await _source(services, scope, body)
    batch_id = await creates.id_for(Prefix.BATCH, body.model_dump())
    jobs = SingleJobs(services, scope)
    return await _start(jobs, batch_id, source, body, parameters)


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
        parameters = await _parameters(services, scope, options)
        asked = {"name": upload.name, "sha256": upload.sha256, "options": options.model_dump()}
        file_id = await creates.id_for(Prefix.FILE, {"file": asked})
        async with (
            stored_upload(services, scope.project_id, upload, file_id, purpose="parse") as new,
            services.database.write() as session,
        ):
            file, _ = await Files(session).create(new)
        batch_id = await creates.id_for(Prefix.BATCH, asked)
    jobs = SingleJobs(services, scope)
    return await _start(jobs, batch_id, file, options, parameters)


async def _source(services: Services, scope: Scope, body: ParseCreate) -> File | UrlSource:
    """Return the document that the request names.

    Raises:
        NotFoundError: the project has no such file.
        FieldError: the URL is refused.
    """
    if body.file_id is not None:
        async with services.database.read() as session:
            return await resolve_file(session, scope.project_id, body.file_id)
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


async def _parameters(services: Services, scope: Scope, options: ParseOptions) -> dict[str, Any]:
    """Return the job's parameters: a configuration's, and over them what the request says.

    Raises:
        FieldError: the proxy is not allowed.
        NotFoundError: the project has no such configuration.
    """
    check_proxy(services.settings, options.http_proxy)
    if options.configuration_id is None:
        return options.parameters()
    saved = await configured_parameters(
        services, scope, options.configuration_id, "parse_v2", "body"
    )
    return {**saved, **options.parameters()}


async def _start(
    jobs: SingleJobs,
    batch_id: str,
    source: File | UrlSource,
    options: ParseOptions,
    parameters: dict[str, Any],
) -> ParseJobView:
    await aim_webhooks(
        jobs.services,
        jobs.scope,
        batch_id,
        options.webhook_configuration_ids,
        options.webhook_configurations,
        configuration_id=options.configuration_id,
    )
    job = await jobs.create(
        batch_id,
        source,
        parameters,
        configuration_id=options.configuration_id,
        user_metadata=options.user_metadata,
    )
    return job_view(job)
