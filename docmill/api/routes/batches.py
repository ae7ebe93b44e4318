"""v2 batches: create, list, get, cancel."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from docmill.api.batch_results import stream_results
from docmill.api.configured import configured_parameters
from docmill.api.errors import FieldError
from docmill.api.idempotency import CurrentCreates
from docmill.api.paging import inward, page
from docmill.api.schemas.batches import (
    BatchCreate,
    BatchStatusName,
    BatchView,
    ShownConfig,
    ShownJob,
)
from docmill.api.scope import CurrentScope, Scope
from docmill.api.services import CurrentServices, Services
from docmill.api.webhook_targets import aim_webhooks
from docmill.api.wire import CursorPage, PageSize, Text, UtcTime, page_limit
from docmill.contracts import BatchSpec, BatchStatus, JobSpec, JobType
from docmill.ids import Prefix
from docmill.records.batches import Batches
from docmill.records.directories import Directories
from docmill.records.presets import preset_id
from docmill.records.tables import Batch

router = APIRouter(prefix="/api/v2/batches", tags=["batches"])

OTHER_APIS = ("v2", "cli", "temporal")
"""Batches that this contract shows; v1's have their own endpoints."""
JOB_TYPES = {"parse_v2": JobType.PARSE, "extract_v2": JobType.EXTRACT}


def view(batch: Batch) -> BatchView:
    """Return a batch on the wire, without results."""
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
    """Return the request's configuration; a parse made elsewhere shows its tier's preset."""
    if "job" in batch.config:
        return ShownConfig.model_validate(batch.config)
    identifier = batch.configuration_id or ""
    if batch.job_type == JobType.PARSE:
        identifier = identifier or preset_id(str(batch.parameters["tier"]))
    product: Any = f"{batch.job_type}_v2"
    return ShownConfig(job=ShownJob(type=product, configuration_id=identifier))


@router.post("", status_code=201)
async def create_batch(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, body: BatchCreate
) -> BatchView:
    """Create a batch over a directory's files, as they are now, and start it.

    When Temporal is away the batch stays PENDING and starts by itself later.
    """
    batch_id = await creates.id_for(Prefix.BATCH, body.model_dump())
    existing = await services.batches.find(scope.project_id, batch_id)
    if existing is not None:
        return view(existing)
    job = body.config.job
    await _check_directory(services, scope, body.source_directory_id)
    parameters = await configured_parameters(
        services, scope, job.configuration_id, job.type, "body", "config", "job"
    )
    hooks = (body.webhook_configuration_ids, body.webhook_configurations)
    await aim_webhooks(services, scope, batch_id, *hooks, configuration_id=job.configuration_id)
    spec = BatchSpec(
        project_id=scope.project_id,
        source_directory_id=body.source_directory_id,
        job=JobSpec(type=JOB_TYPES[job.type], parameters=parameters),
        max_failures=body.max_failures,
        max_failure_rate=body.max_failure_rate,
        strict=None if body.strict is None else tuple(body.strict),
    )
    batch, _ = await services.batches.create(
        spec,
        id=batch_id,
        api="v2",
        configuration_id=job.configuration_id,
        config=body.config.model_dump(),
    )
    await services.batches.start_soon(batch)
    return view(batch)


async def _check_directory(services: Services, scope: Scope, directory_id: str) -> None:
    async with services.database.read() as session:
        directory = await Directories(session).get(scope.project_id, directory_id)
    if not directory.live_count:
        raise FieldError("The directory has no files.", "body", "source_directory_id")


@router.get("")
async def list_batches(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    status: Annotated[BatchStatusName | None, Query()] = None,
    source_directory_id: Annotated[Text | None, Query()] = None,
    created_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    created_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[BatchView]:
    """One page of batches, newest first; both times are inclusive."""
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
            cursor=inward(page_token, filters),
            **filters,
        )
        answer = page(found, view, filters)
        answer.total_size = await batches.count(scope.project_id, **filters)
    return answer


@router.get("/{batch_id}", response_model=BatchView)
async def get_batch(
    services: CurrentServices,
    scope: CurrentScope,
    batch_id: str,
    expand: Annotated[list[str] | None, Query(description="Supported value: results.")] = None,
) -> BatchView | Response:
    """One batch; ``expand=results`` maps each file to its job once the batch has ended."""
    if unknown := set(expand or []) - {"results"}:
        raise FieldError(
            f"expand knows results, not {', '.join(sorted(unknown))}.", "query", "expand"
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
    """Ask a batch to stop; it is CANCELLED once nothing of it runs any more."""
    batch = await services.batches.current(scope.project_id, batch_id, OTHER_APIS)
    return view(await services.batches.cancel(batch))
