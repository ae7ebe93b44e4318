"""Routes of v1 batch processing."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query

from docmill.api.beta_batch.parameters import (
    classify_v2_parameters,
    parse_v2_parameters,
    without_secrets,
)
from docmill.api.beta_batch.schemas import (
    V1BatchCreate,
    V1BatchStatus,
    V1BatchView,
    V1Cancel,
    V1Cancelled,
    V1ItemView,
    V1JobConfig,
    V1JobType,
    V1ProcessingResults,
)
from docmill.api.beta_batch.views import batch_view, item_view, processed_view, progress
from docmill.api.core.idempotency import CurrentIdempotency, Idempotency
from docmill.api.core.limits import admit_batch
from docmill.api.core.scope import CurrentScope, Scope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import MAX_PAGE, OffsetPage, Text
from docmill.api.jobs.documents import find_source_directory
from docmill.api.jobs.outputs import output_location
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.api.webhooks.targets import build_webhook_targets
from docmill.batches.create import Listing, insert_batch
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.webhook_events import BATCH_ENDS, job_ends
from docmill.contracts.words import BatchStatus, ItemStatus, JobType, Tally, V1Status
from docmill.ids import Prefix
from docmill.records.batches import Batches
from docmill.records.database import Session
from docmill.records.directory_files import DirectoryFiles
from docmill.records.ledger_reads import LedgerReads
from docmill.records.results import Results
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory

router = APIRouter(prefix="/api/v1/beta/batch-processing", tags=["batch processing (v1 beta)"])

V1 = ("v1",)
MAX_OFFSET = 2**53
_CLASSIFY_FIELDS = {"rules", "parsing_configuration"}
Namespace = Annotated[Text | None, Header(alias="temporal-namespace", max_length=255)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]


@router.post("", status_code=201)
async def create_batch_job(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: V1BatchCreate,
    temporal_namespace: Namespace = None,
) -> V1BatchView:
    """Create and start a batch over a directory or over a list of directory files."""
    namespace = services.temporal.allowed(temporal_namespace)
    async with services.database.write() as session:
        batch = await _insert(services, session, scope, idempotency, body, namespace=namespace)
    if batch.status == BatchStatus.PENDING:
        await services.batches.start_soon(batch)
    return batch_view(batch, Tally())


async def _insert(
    services: Services,
    session: Session,
    scope: Scope,
    idempotency: Idempotency,
    body: V1BatchCreate,
    *,
    namespace: str,
) -> Batch:
    """Insert the batch and its webhooks, or return the batch of an earlier request."""
    project_id = scope.project_id
    requested = {**body.model_dump(), "namespace": namespace}
    if known := await idempotency.known_batch(session, requested):
        return known
    listing = await _listing(session, project_id, body)
    state = listing.watermark if isinstance(listing, Directory) else listing
    new = await idempotency.claim_batch(session, requested, Prefix.V1_BATCH, state)
    if isinstance(new, Batch):
        return new
    await admit_batch(session, project_id, scope.limits)
    targets = await build_webhook_targets(
        session,
        services.fence,
        project_id=project_id,
        owner_id=new,
        inline=v1_endpoints(body.job_config),
    )
    batch, _ = await insert_batch(
        session,
        services.settings,
        _spec(project_id, body),
        listing,
        targets=targets,
        id=new,
        api="v1",
        namespace=namespace,
        out=output_location(
            services.settings,
            project_id,
            body.output,
            listing if isinstance(listing, Directory) else None,
        ),
        config=without_secrets(body.job_config.model_dump(exclude_unset=True)),
    )
    return batch


async def _listing(session: Session, project_id: str, body: V1BatchCreate) -> Listing:
    if body.directory_id is not None:
        return await find_source_directory(session, project_id, body.directory_id, "directory_id")
    return await Batches(session).entry_versions(project_id, body.item_ids or ())


def _spec(project_id: str, body: V1BatchCreate) -> BatchSpec:
    return BatchSpec(
        project_id=project_id,
        job=_job(body.job_config),
        page_size=body.page_size,
        continue_as_new_threshold=body.continue_as_new_threshold or body.page_size,
        max_failures=body.max_failures,
        max_failure_rate=body.max_failure_rate,
        strict=None if body.strict is None else tuple(body.strict),
    )


def _job(config: V1JobConfig) -> JobSpec:
    if config.rules is None:
        return JobSpec(parameters=parse_v2_parameters(_options(config)))
    parameters = classify_v2_parameters(config.model_dump(include=_CLASSIFY_FIELDS))
    return JobSpec(type=JobType.CLASSIFY, parameters=parameters)


def _options(config: V1JobConfig) -> dict[str, Any]:
    return config.parameters.model_dump(exclude_unset=True) if config.parameters else {}


@router.get("")
async def list_batch_jobs(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    directory_id: Annotated[Text | None, Query()] = None,
    job_type: Annotated[V1JobType | None, Query()] = None,
    status: Annotated[V1Status | None, Query()] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> OffsetPage[V1BatchView]:
    """List v1 batches, newest first."""
    filters: dict[str, Any] = {
        "directory_id": directory_id,
        "job_type": job_type,
        "status": None if status is None else status.stands_for,
        "api": V1,
    }
    async with services.database.read() as session:
        batches = Batches(session)
        found = await batches.list_from(scope.project_id, offset=offset, limit=limit, **filters)
        total = await batches.count(scope.project_id, **filters)
        counts = await batches.counts([batch.id for batch in found])
    return OffsetPage(
        items=[batch_view(batch, counts[batch.id]) for batch in found], total_size=total
    )


@router.get("/items/{item_id}/processing-results")
async def processing_results(
    services: CurrentServices,
    scope: CurrentScope,
    item_id: str,
    job_type: Annotated[V1JobType | None, Query()] = None,
) -> V1ProcessingResults:
    """List the results of one directory file, newest first, at most 1,000."""
    async with services.database.read() as session:
        file = await DirectoryFiles(session).find(scope.project_id, item_id)
        found = await Results(session).of_item(scope.project_id, item_id, job_type=job_type)
    return V1ProcessingResults(
        item_id=item_id,
        item_name=file.display_name,
        processing_results=[
            processed_view(one, services.settings.store_url or "local:/") for one in found
        ],
    )


@router.get("/{job_id}")
async def get_batch_job(
    services: CurrentServices, scope: CurrentScope, job_id: str
) -> V1BatchStatus:
    """Return a batch with its current counts and its progress in percent."""
    batch = await services.batches.current(scope.project_id, job_id, V1)
    async with services.database.read() as session:
        counts = (await Batches(session).counts([batch.id]))[batch.id]
    return V1BatchStatus(job=batch_view(batch, counts), progress_percentage=progress(batch, counts))


@router.post("/{job_id}/cancel")
async def cancel_batch_job(
    services: CurrentServices,
    scope: CurrentScope,
    job_id: str,
    body: V1Cancel | None = None,
    temporal_namespace: Namespace = None,
) -> V1Cancelled:
    """Cancel a batch: pending items become cancelled, items in flight end first."""
    batch = await services.batches.current(scope.project_id, job_id, V1)
    if temporal_namespace is not None:
        services.temporal.allowed(temporal_namespace)
    batch = await services.batches.cancel(batch, (body.reason if body else None) or "")
    async with services.database.read() as session:
        counts = (await Batches(session).counts([batch.id]))[batch.id]
    shown = batch_view(batch, counts)
    return V1Cancelled(
        job_id=batch.id,
        status=shown.status,
        processed_items=shown.processed_items,
        message="The batch is being cancelled.",
    )


@router.get("/{job_id}/items")
async def list_items(
    services: CurrentServices,
    scope: CurrentScope,
    job_id: str,
    *,
    status: Annotated[ItemStatus | None, Query()] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> OffsetPage[V1ItemView]:
    """List the files of a batch in listing order, including pending ones."""
    batch = await services.batches.current(scope.project_id, job_id, V1)
    async with services.database.read() as session:
        ledger = LedgerReads(session)
        rows = await ledger.items(batch, status=status, limit=limit, offset=offset)
        total = await ledger.count(batch, status)
    return OffsetPage(items=[item_view(row) for row in rows], total_size=total)


def v1_endpoints(config: V1JobConfig) -> list[InlineWebhook]:
    """Return the webhook endpoints of a v1 batch, which can be named in three ways.

    ``parameters.webhook_configurations`` get the events of every file, ``parameters.webhook_url``
    gets the last event of every file, and the job's ``webhook_url`` gets the end of the batch.
    """
    options = config.parameters
    found = list((options.webhook_configurations if options else None) or ())
    if options is not None and options.webhook_url:
        product = JobType.PARSE if config.rules is None else JobType.CLASSIFY
        found.append(_endpoint(options.webhook_url, job_ends(product)))
    if config.webhook_url:
        found.append(_endpoint(config.webhook_url, BATCH_ENDS))
    return found


def _endpoint(url: str, events: tuple[str, ...]) -> InlineWebhook:
    return InlineWebhook.model_validate({"webhook_url": url, "webhook_events": list(events)})
