"""Routes of LlamaCloud's v2 batches."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from docmill.api.batches.schemas import (
    BatchCreate,
    BatchItemResult,
    BatchView,
    JobReference,
    ShownConfig,
    ShownJob,
)
from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency, Idempotency
from docmill.api.core.limits import admit_batch
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope, Scope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import CursorPage, PageSize, Text, UtcTime, page_limit
from docmill.api.jobs.configurations import configuration_of
from docmill.api.jobs.documents import find_source_directory
from docmill.api.jobs.outputs import output_location
from docmill.api.webhooks.targets import build_webhook_targets
from docmill.batches.create import insert_batch
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.words import BatchStatus, ItemStatus, JobType
from docmill.ids import Prefix
from docmill.parameters import job_parameters
from docmill.records.batches import Batches
from docmill.records.configurations import preset_id
from docmill.records.database import Database, Session
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Configuration

router = APIRouter(prefix="/api/v2/batches", tags=["batches"])

OTHER_APIS = ("v2", "cli", "temporal")
"""Origins of the batches that v2 shows; v1 batches have their own endpoints."""
JOB_TYPES = {"parse_v2": JobType.PARSE, "extract_v2": JobType.EXTRACT}


def view(batch: Batch) -> BatchView:
    """Return a batch as a response model, without results."""
    return BatchView(
        id=batch.id,
        project_id=batch.project_id,
        source_directory_id=batch.directory_id or "",
        config=_config(batch),
        status=BatchStatus(batch.status).value,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
    )


def _config(batch: Batch) -> ShownConfig:
    """Return a batch's configuration; a parse from another API shows the preset of its tier."""
    if "job" in batch.config:
        return ShownConfig.model_validate(batch.config)
    identifier = batch.configuration_id or ""
    if batch.job_type == JobType.PARSE:
        identifier = identifier or preset_id(str(batch.parameters["tier"]))
    product: Any = f"{batch.job_type}_v2"
    return ShownConfig(job=ShownJob(type=product, configuration_id=identifier))


@router.post("", status_code=201)
async def create_batch(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: BatchCreate,
) -> BatchView:
    """Create and start a batch over the current files of a directory.

    If Temporal is unavailable, the batch stays PENDING and starts later by itself.
    """
    async with services.database.write() as session:
        batch = await _insert(services, session, scope, idempotency, body)
    if batch.status == BatchStatus.PENDING:
        await services.batches.start_soon(batch)
    return view(batch)


async def _insert(
    services: Services, session: Session, scope: Scope, idempotency: Idempotency, body: BatchCreate
) -> Batch:
    """Insert the batch and its webhooks, or return the batch of an earlier request."""
    requested, job, project_id = body.model_dump(), body.config.job, scope.project_id
    if known := await idempotency.known_batch(session, requested):
        return known
    directory = await find_source_directory(
        session, project_id, body.source_directory_id, "source_directory_id"
    )
    configuration = await configuration_of(
        session, project_id, job.configuration_id, job.type, "body", "config", "job"
    )
    state = [directory.watermark, configuration.version]
    new = await idempotency.claim_batch(session, requested, Prefix.BATCH, state)
    if isinstance(new, Batch):
        return new
    await admit_batch(session, project_id, scope.limits)
    targets = await build_webhook_targets(
        session,
        services.fence,
        project_id=project_id,
        owner_id=new,
        stored=body.webhook_configuration_ids,
        inline=body.webhook_configurations,
        configuration=configuration,
    )
    spec, fields = _spec(project_id, body, configuration), _columns(services, body)
    fields["out"] = output_location(services.settings, project_id, body.output, directory)
    batch, _ = await insert_batch(
        session, services.settings, spec, directory, targets=targets, id=new, **fields
    )
    return batch


def _columns(services: Services, body: BatchCreate) -> dict[str, Any]:
    return {
        "api": "v2",
        "namespace": services.temporal.namespace,
        "configuration_id": body.config.job.configuration_id,
        "config": body.config.model_dump(),
    }


def _spec(project_id: str, body: BatchCreate, configuration: Configuration) -> BatchSpec:
    parameters = job_parameters(configuration.parameters)
    return BatchSpec(
        project_id=project_id,
        job=JobSpec(type=JOB_TYPES[body.config.job.type], parameters=parameters),
        max_failures=body.max_failures,
        max_failure_rate=body.max_failure_rate,
        strict=None if body.strict is None else tuple(body.strict),
    )


@router.get("")
async def list_batches(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    status: Annotated[BatchStatus | None, Query()] = None,
    source_directory_id: Annotated[Text | None, Query()] = None,
    created_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    created_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[BatchView]:
    """List batches, newest first; both times are inclusive."""
    filters: dict[str, Any] = {
        "status": status,
        "directory_id": source_directory_id,
        "created_from": created_at_on_or_after,
        "created_to": created_at_on_or_before,
        "api": OTHER_APIS,
    }
    async with services.database.read() as session:
        batches = Batches(session)
        found = await batches.list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, filters),
            **filters,
        )
        answer = page(found, view, scope.project_id, filters)
        answer.total_size = await batches.count(scope.project_id, **filters)
    return answer


@router.get("/{batch_id}", response_model=BatchView)
async def get_batch(
    services: CurrentServices,
    scope: CurrentScope,
    batch_id: str,
    expand: Annotated[list[str] | None, Query(description="Supported value: results.")] = None,
) -> BatchView | Response:
    """Return one batch; ``expand=results`` maps each file to its job once the batch has ended."""
    if unknown := set(expand or []) - {"results"}:
        raise FieldError(
            f"expand supports results, not {', '.join(sorted(unknown))}.", "query", "expand"
        )
    batch = await services.batches.current(scope.project_id, batch_id, OTHER_APIS)
    answer = view(batch)
    if expand and batch.status in (BatchStatus.COMPLETED, BatchStatus.CANCELLED):
        return StreamingResponse(
            stream_results(services.database, batch, answer), media_type="application/json"
        )
    return answer


@router.post("/{batch_id}/cancel")
async def cancel_batch(services: CurrentServices, scope: CurrentScope, batch_id: str) -> BatchView:
    """Cancel a batch; it becomes CANCELLED once none of its items runs any more."""
    batch = await services.batches.current(scope.project_id, batch_id, OTHER_APIS)
    return view(await services.batches.cancel(batch))


CHUNK = 1_000
"""Items of one database read."""


async def stream_results(
    database: Database, batch: Batch, answer: BatchView
) -> AsyncIterator[bytes]:
    """Yield ``answer`` as JSON with its results from the ledger, one chunk of items at a time."""
    rest = answer.model_dump(mode="json", exclude={"results"})
    yield json.dumps(rest).encode()[:-1] + b', "results": ['
    separator = b""
    after = 0
    while True:
        async with database.read() as session:
            items = await Ledger(session).walk(batch, after, CHUNK)
        if items:
            results = [_result_of(item, answer).model_dump_json().encode() for item in items]
            yield separator + b",".join(results)
            separator = b","
            after = items[-1].position
        if len(items) < CHUNK:
            break
    yield b"]}"


def _result_of(item: ItemRow, answer: BatchView) -> BatchItemResult:
    if item.job_id is None or (item.status == ItemStatus.CANCELLED and item.started_at is None):
        return BatchItemResult(
            source_directory_file_id=item.item_id,
            error_message="The batch was cancelled before a job was made for this file.",
        )
    return BatchItemResult(
        source_directory_file_id=item.item_id,
        job_reference=JobReference(type=answer.config.job.type, id=item.job_id),
        warnings=item.warnings,
    )
