"""Parse jobs: those that batches make, and those of their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from docmill.api.paging import inward, outward
from docmill.api.parse_answers import JobReader
from docmill.api.schemas.parse import (
    Expand,
    JobDeleted,
    JobStatusName,
    ParseAnswer,
    ParseJobView,
    ParseVersions,
)
from docmill.api.scope import CurrentScope
from docmill.api.services import CurrentServices
from docmill.api.single_jobs import SingleJobs
from docmill.api.wire import CursorPage, PageSize, Text, UtcTime, page_limit
from docmill.contracts import JobType
from docmill.records.jobs import Jobs

router = APIRouter(prefix="/api/v2/parse", tags=["parse"])

VERSION = "2026-11-01"
"""The one dated version of each tier: Docmill's engines are versioned in each result."""
MAX_IDS = 1_000


@router.get("/versions")
async def list_versions() -> ParseVersions:
    """Versions that a request may name; ``latest`` is always right."""
    tiers = ("fast", "cost_effective", "agentic", "agentic_plus")
    return ParseVersions(
        **{tier: [VERSION] for tier in tiers}, latest=dict.fromkeys(tiers, VERSION)
    )


@router.get("")
async def list_parse_jobs(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    status: Annotated[JobStatusName | None, Query()] = None,
    job_ids: Annotated[list[Text] | None, Query(max_length=MAX_IDS)] = None,
    created_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    created_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[ParseJobView]:
    """One page of parse jobs, newest first."""
    filters: dict[str, Any] = {
        "status": status,
        "job_ids": job_ids,
        "created_from": created_at_on_or_after,
        "created_to": created_at_on_or_before,
        "job_type": JobType.PARSE.value,
    }
    async with services.database.read() as session:
        found = await Jobs(session).list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=inward(page_token, filters),
            **filters,
        )
    return CursorPage(
        items=await JobReader(services).views(found.items),
        next_page_token=outward(found.next, filters),
    )


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
    """A job, and with ``expand`` what was made of its file; images by name, with commas between."""
    names = (name.strip() for name in (image_filenames or "").split(","))
    return await JobReader(services).answer(
        scope.project_id,
        job_id,
        frozenset(expand or ()),
        request,
        frozenset(name for name in names if name),
    )


@router.post("/{job_id}/cancel")
async def cancel_parse_job(
    services: CurrentServices, scope: CurrentScope, job_id: str
) -> ParseJobView:
    """Ask a job of its own to stop; a file of a batch is cancelled with its batch."""
    reader = JobReader(services)
    job = await reader.find(scope.project_id, JobType.PARSE, job_id)
    return (await reader.views([await SingleJobs(services, scope).cancel(job)]))[0]


@router.delete("/{job_id}")
async def delete_parse_job(
    services: CurrentServices, scope: CurrentScope, job_id: str
) -> JobDeleted:
    """Remove a job that has ended; results that others share stay."""
    await JobReader(services).find(scope.project_id, JobType.PARSE, job_id)
    async with services.database.write() as session:
        await Jobs(session).delete(scope.project_id, job_id)
    return JobDeleted(id=job_id, project_id=scope.project_id)
