"""Parse jobs: those that batches make, and those of their own."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.jobs.product_jobs import Listed, ProductJobs
from docmill.api.jobs.schemas import JobDeleted
from docmill.api.parse.answers import ParseReader, job_view
from docmill.api.parse.schemas import Expand, ParseAnswer, ParseJobView, ParseVersions
from docmill.contracts.words import JobType
from docmill.records.jobs import Job

router = APIRouter(prefix="/api/v2/parse", tags=["parse"])

VERSIONS = {
    "fast": ["2026-06-15", "2025-12-11"],
    "cost_effective": ["2026-09-28"],
    "agentic": ["2026-10-16"],
    "agentic_plus": ["2026-09-28"],
}
"""The newest that upstream's clients name for each tier (llama-cloud 2.19.0). Every version is
accepted, and none changes anything: Docmill's engines are versioned in each result."""


def _jobs(services: CurrentServices, scope: CurrentScope) -> ProductJobs:
    return ProductJobs(services, scope, JobType.PARSE)


ParseJobs = Annotated[ProductJobs, Depends(_jobs)]


async def _views(jobs: Sequence[Job]) -> list[ParseJobView]:
    return [job_view(job) for job in jobs]


@router.get("/versions")
async def list_versions() -> ParseVersions:
    """Versions that a request may name; ``latest`` is always right."""
    latest = {tier: versions[0] for tier, versions in VERSIONS.items()}
    return ParseVersions(**VERSIONS, latest=latest)


@router.get("")
async def list_parse_jobs(
    jobs: ParseJobs,
    listed: Listed,
    page_size: Annotated[PageSize, Query()] = None,
) -> CursorPage[ParseJobView]:
    """One page of parse jobs, newest first."""
    return await jobs.page(listed, page_limit(page_size), _views)


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
    return await ParseReader(services).answer(
        scope.project_id,
        job_id,
        frozenset(expand or ()),
        request,
        frozenset(name for name in names if name),
    )


@router.post("/{job_id}/cancel")
async def cancel_parse_job(jobs: ParseJobs, job_id: str) -> ParseJobView:
    """Ask a job of its own to stop; a file of a batch is cancelled with its batch."""
    return job_view(await jobs.cancel(job_id))


@router.delete("/{job_id}")
async def delete_parse_job(jobs: ParseJobs, job_id: str) -> JobDeleted:
    """Remove a job that has ended; results that others share stay."""
    return await jobs.delete(job_id)
