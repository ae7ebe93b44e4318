"""Routes of Docmill's own for batches of every API: counts, items, control, the manifest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from docmill.api.batches.schemas import (
    Cancel,
    ConcurrencyChange,
    Counts,
    FailureGroupView,
    LiveBatch,
    ManifestFormat,
    OutputView,
    PastAttemptView,
    PastOutcomeView,
    Redrive,
)
from docmill.api.beta_batch.views import progress
from docmill.api.core.downloads import attachment
from docmill.api.core.limits import admit_batch
from docmill.api.core.pagination import decode_token, encode_token
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices, Services
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.jobs.configurations import configuration_of
from docmill.api.parse.content import BYTES
from docmill.batches.service import RECONCILE_SECONDS
from docmill.contracts.batches import RedriveRequest
from docmill.contracts.words import ItemStatus
from docmill.errors import ConflictError
from docmill.parameters import job_parameters
from docmill.records.batches import MAX_IN_FLIGHT_NAMES, Batches
from docmill.records.database import SHORT_ROWS
from docmill.records.items import LedgerItem
from docmill.records.ledger_reads import LedgerReads
from docmill.records.redrives import RedriveHistory
from docmill.records.tables.batches import Batch
from docmill.records.warning_counts import warnings_of

router = APIRouter(prefix="/api/docmill/v1/batches/{batch_id}", tags=["Docmill: batches"])

ALL = ("v1", "v2", "cli", "temporal")


@router.get("")
async def get_live_batch(
    services: CurrentServices, scope: CurrentScope, batch_id: str
) -> LiveBatch:
    """Return a batch with its current counts, its rate and the files in flight."""
    return await live_view(
        services, await services.batches.current(scope.project_id, batch_id, ALL)
    )


@router.get("/failures")
async def list_failure_groups(
    services: CurrentServices, scope: CurrentScope, batch_id: str
) -> list[FailureGroupView]:
    """List the failed files by cause, the largest group first, each with advice."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    async with services.database.read() as session:
        groups = await LedgerReads(session).failure_groups(batch)
    return [FailureGroupView.of(group) for group in groups]


@router.get("/items")
async def list_ledger_items(
    services: CurrentServices,
    scope: CurrentScope,
    batch_id: str,
    *,
    status: Annotated[ItemStatus | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[LedgerItem]:
    """List the files of a batch in listing order, including pending ones."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    filters: Mapping[str, Any] = {"batch_id": batch_id, "status": status}
    limit = page_limit(page_size)
    async with services.database.read(short=limit <= SHORT_ROWS) as session:
        ledger = LedgerReads(session)
        rows = await ledger.items(
            batch,
            status=status,
            after=read_position(page_token, scope.project_id, filters),
            limit=limit + 1,
        )
        total = await ledger.count(batch, status)
    more = len(rows) > limit
    token = position_token(rows[limit - 1].position, scope.project_id, filters) if more else None
    return CursorPage(
        items=list(rows[:limit]),
        next_page_token=token,
        total_size=total,
    )


@router.post("/pause")
async def pause_batch(services: CurrentServices, scope: CurrentScope, batch_id: str) -> LiveBatch:
    """Pause a batch: it starts no more files until it is resumed."""
    return await _steer(services, scope, batch_id, "pause")


@router.post("/resume")
async def resume_batch(services: CurrentServices, scope: CurrentScope, batch_id: str) -> LiveBatch:
    """Resume a paused batch."""
    return await _steer(services, scope, batch_id, "resume")


@router.put("/concurrency")
async def set_concurrency(
    services: CurrentServices, scope: CurrentScope, batch_id: str, body: ConcurrencyChange
) -> LiveBatch:
    """Change the number of files of a batch that may be in flight at the same time."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    await services.batches.set_concurrency(batch, body.concurrency)
    return await live_view(
        services, await services.batches.current(scope.project_id, batch_id, ALL)
    )


@router.post("/cancel")
async def cancel_batch(
    services: CurrentServices, scope: CurrentScope, batch_id: str, body: Cancel | None = None
) -> LiveBatch:
    """Cancel a batch; its files in flight are stopped, or may finish with ``drain``."""
    requested = body or Cancel()
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    batch = await services.batches.cancel(batch, requested.reason or "", drain=requested.drain)
    return await live_view(services, batch)


@router.post("/redrive")
async def redrive_batch(
    services: CurrentServices, scope: CurrentScope, batch_id: str, body: Redrive | None = None
) -> LiveBatch:
    """Redrive an ended batch: run the files that did not complete; completed files are kept."""
    requested = body or Redrive()
    batch = await services.batches.current(
        scope.project_id, batch_id, ALL, wait_seconds=RECONCILE_SECONDS
    )
    parameters: dict[str, Any] = {}
    if requested.configuration_id is not None:
        product = f"{batch.job_type}_v2"
        async with services.database.read() as session:
            found = await configuration_of(
                session, scope.project_id, requested.configuration_id, product, "body"
            )
        parameters = job_parameters(found.parameters)
    request = RedriveRequest(
        only=requested.only,
        parameters=parameters | (requested.parameters or {}),
        configuration_id=requested.configuration_id,
        strict=None if requested.strict is None else tuple(requested.strict),
    )
    async with services.database.write() as session:
        await admit_batch(session, scope.project_id, scope.limits)
    batch = await services.batches.redrive(batch, request)
    await services.batches.start_soon(batch)
    return await live_view(services, await services.batches.get(scope.project_id, batch_id))


@router.get("/attempts")
async def list_past_attempts(
    services: CurrentServices, scope: CurrentScope, batch_id: str
) -> list[PastAttemptView]:
    """List the ends of a batch before each of its redrives, oldest first."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    async with services.database.read() as session:
        found = await RedriveHistory(session).attempts(batch.id)
    return [PastAttemptView.model_validate(one) for one in found]


@router.get("/items/{item_id}/attempts")
async def list_past_outcomes(
    services: CurrentServices, scope: CurrentScope, batch_id: str, item_id: Text
) -> list[PastOutcomeView]:
    """List the outcomes of one file before each redrive; empty if no redrive ran it."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    async with services.database.read() as session:
        found = await RedriveHistory(session).outcomes(batch.id, item_id)
    return [PastOutcomeView.model_validate(one) for one in found]


async def _steer(
    services: CurrentServices, scope: CurrentScope, batch_id: str, verb: str
) -> LiveBatch:
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    service = services.batches
    await (service.pause(batch) if verb == "pause" else service.resume(batch))
    return await live_view(
        services, await services.batches.current(scope.project_id, batch_id, ALL)
    )


@router.get("/manifest", response_class=Response, responses=BYTES)
async def download_manifest(
    services: CurrentServices,
    scope: CurrentScope,
    batch_id: str,
    format: Annotated[ManifestFormat, Query()] = "jsonl",  # noqa: A002 - the name of the query parameter
) -> Response:
    """Return the manifest of an ended batch, one row per file."""
    batch = await services.batches.current(scope.project_id, batch_id, ALL)
    if batch.manifest_key is None:
        raise ConflictError(
            f"The batch {batch_id} has no manifest yet: {batch.status}.", "Wait until it has ended."
        )
    await services.database.audit([batch_id])
    key = batch.manifest_key.removesuffix("jsonl") + format
    media_type = "application/x-ndjson" if format == "jsonl" else "application/vnd.apache.parquet"
    return StreamingResponse(
        services.store.stream(key),
        media_type=media_type,
        headers=attachment(f"{batch_id}-manifest.{format}"),
    )


def position_token(position: int, project_id: str, filters: Mapping[str, Any]) -> str | None:
    """Return the page token of the items after ``position``."""
    return encode_token(str(position), project_id, filters)


def read_position(token: str | None, project_id: str, filters: Mapping[str, Any]) -> int | None:
    """Return the position after which the page of ``token`` starts; None for the first page.

    Raises:
        FieldError: the token belongs to another project, or to a list with other filters.
    """
    cursor = decode_token(token, project_id, filters)
    return None if cursor is None else int(cursor)


async def live_view(services: Services, batch: Batch) -> LiveBatch:
    """Return ``batch`` with its current counts."""
    async with services.database.read(short=True) as session:
        tally = (await Batches(session).counts([batch.id]))[batch.id]
        in_flight = [one.path for one in await Batches(session).in_flight(batch.id)]
        warnings = await warnings_of(session, batch)
        processing = len(in_flight)
        if processing == MAX_IN_FLIGHT_NAMES:
            processing = await LedgerReads(session).count(batch, ItemStatus.PROCESSING)
    counts = Counts(
        pending=max(0, batch.total - tally.accounted - processing),
        processing=processing,
        **tally.model_dump(),
    )
    fields = {name: getattr(batch, name, None) for name in LiveBatch.model_fields}
    output = None
    if batch.exported_by_workers:
        output = OutputView(
            location=str(batch.out), exported_at=batch.exported_at, error=batch.export_error
        )
    fields |= {
        "output": output,
        "counts": counts,
        "progress_percentage": progress(batch, tally),
        "rate": _rate(batch, tally.accounted - batch.settled_before),
        "in_flight": in_flight,
        "files_with_warnings": warnings.files,
        "warnings": warnings.counts,
    }
    return LiveBatch.model_validate(fields)


def _rate(batch: Batch, ran: int) -> float:
    if batch.started_at is None:
        return 0.0
    seconds = ((batch.ended_at or datetime.now(UTC)) - batch.started_at).total_seconds()
    return round(max(0, ran) / seconds, 3) if seconds > 0 else 0.0
