"""v2 batches: create, list, get, cancel."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from docmill.api.batches.results import stream_results
from docmill.api.batches.schemas import BatchCreate, BatchView, ShownConfig, ShownJob
from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import Creates, CurrentCreates
from docmill.api.core.paging import inward, page
from docmill.api.core.scope import CurrentScope, Scope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import CursorPage, PageSize, Text, UtcTime, page_limit
from docmill.api.jobs.configured import configuration_of
from docmill.api.jobs.documents import source_directory
from docmill.api.webhooks.targets import webhook_targets
from docmill.batches.create import insert_batch
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.words import BatchStatus, JobType
from docmill.ids import Prefix
from docmill.parameters import job_parameters
from docmill.records.batches import Batches
from docmill.records.database import Session
from docmill.records.presets import preset_id
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Configuration

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
    async with services.database.write() as session:
        batch = await _insert(services, session, scope, creates, body)
    if batch.status == BatchStatus.PENDING:
        await services.batches.start_soon(batch)
    return view(batch)


async def _insert(
    services: Services, session: Session, scope: Scope, creates: Creates, body: BatchCreate
) -> Batch:
    """Write the batch with all that belongs to it, or find the one of an earlier attempt."""
    asked, job, project_id = body.model_dump(), body.config.job, scope.project_id
    if known := await creates.known_batch(session, asked):
        return known
    directory = await source_directory(
        session, project_id, body.source_directory_id, "source_directory_id"
    )
    configuration = await configuration_of(
        session, project_id, job.configuration_id, job.type, "body", "config", "job"
    )
    state = [directory.watermark, configuration.version]
    new = await creates.claim_batch(session, asked, Prefix.BATCH, state)
    if isinstance(new, Batch):
        return new
    targets = await webhook_targets(
        session,
        services.fence,
        project_id=project_id,
        owner_id=new,
        stored=body.webhook_configuration_ids,
        inline=body.webhook_configurations,
        configuration=configuration,
    )
    spec, fields = _spec(project_id, body, configuration), _columns(services, body)
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
