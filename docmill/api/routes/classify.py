"""Classify jobs: those that batches make, and those of their own."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from docmill.api.classify_answers import ClassifyReader
from docmill.api.classify_inputs import input_of, rules_of
from docmill.api.idempotency import CurrentCreates
from docmill.api.paging import inward, outward
from docmill.api.schemas.classify import ClassifyCreate, ClassifyJobView
from docmill.api.schemas.parse import JobDeleted, JobStatusName
from docmill.api.scope import CurrentScope
from docmill.api.services import CurrentServices
from docmill.api.single_jobs import FIRST, SingleJobs
from docmill.api.webhook_targets import aim_webhooks
from docmill.api.wire import CursorPage, Text, UtcTime
from docmill.contracts import JobType
from docmill.ids import Prefix, derived_id
from docmill.records.items import job_id_of
from docmill.records.jobs import Jobs

router = APIRouter(prefix="/api/v2/classify", tags=["classify"])

MAX_IDS = 1_000
MAX_CLASSIFY_PAGE = 100
DEFAULT_PAGE = 50

Expand = Literal["usage"]


@router.post("")
async def create_classify_job(
    services: CurrentServices, scope: CurrentScope, creates: CurrentCreates, body: ClassifyCreate
) -> ClassifyJobView:
    """Classify a file; a ``transaction_id`` that was used before returns the job it made."""
    reader = ClassifyReader(services)
    if body.transaction_id is not None:
        batch_id = derived_id(
            Prefix.BATCH, scope.project_id, JobType.CLASSIFY.value, body.transaction_id
        )
        if await services.desk.find(scope.project_id, batch_id) is not None:
            job_id = job_id_of(JobType.CLASSIFY, batch_id, FIRST)
            return await reader.view(await reader.find(scope.project_id, job_id))
    else:
        batch_id = await creates.id_for(Prefix.BATCH, body.model_dump())
    document = await input_of(services, scope, body)
    parameters = await rules_of(services, scope, body)
    hooks = (body.webhook_configuration_ids, body.webhook_configurations)
    await aim_webhooks(services, scope, batch_id, *hooks, configuration_id=body.configuration_id)
    job = await SingleJobs(services, scope).create(
        batch_id,
        document.file,
        parameters,
        job_type=JobType.CLASSIFY,
        asked={
            "document_input_type": document.kind,
            "file_input": body.document,
            "transaction_id": body.transaction_id,
        },
        configuration_id=body.configuration_id,
    )
    return await reader.view(job)


@router.get("")
async def list_classify_jobs(
    services: CurrentServices,
    scope: CurrentScope,
    *,
    status: Annotated[JobStatusName | None, Query()] = None,
    configuration_id: Annotated[Text | None, Query()] = None,
    job_ids: Annotated[list[Text] | None, Query(max_length=MAX_IDS)] = None,
    created_at_on_or_after: Annotated[UtcTime | None, Query()] = None,
    created_at_on_or_before: Annotated[UtcTime | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=MAX_CLASSIFY_PAGE)] = DEFAULT_PAGE,
    page_token: Annotated[Text | None, Query()] = None,
) -> CursorPage[ClassifyJobView]:
    """One page of classify jobs, newest first."""
    filters: dict[str, Any] = {
        "status": status,
        "configuration_id": configuration_id,
        "job_ids": job_ids,
        "created_from": created_at_on_or_after,
        "created_to": created_at_on_or_before,
        "job_type": JobType.CLASSIFY.value,
    }
    async with services.database.read() as session:
        found = await Jobs(session).list(
            scope.project_id, limit=page_size, cursor=inward(page_token, filters), **filters
        )
    return CursorPage(
        items=await ClassifyReader(services).views(found.items),
        next_page_token=outward(found.next, filters),
    )


@router.get("/{job_id}")
async def get_classify_job(
    services: CurrentServices,
    scope: CurrentScope,
    job_id: str,
    expand: Annotated[list[Expand] | None, Query()] = None,
) -> ClassifyJobView:
    """A job with its result, once there is one."""
    reader = ClassifyReader(services)
    job = await reader.find(scope.project_id, job_id)
    return await reader.view(job, usage="usage" in (expand or ()))


@router.post("/{job_id}/cancel")
async def cancel_classify_job(
    services: CurrentServices, scope: CurrentScope, job_id: str
) -> ClassifyJobView:
    """Ask a job of its own to stop; a file of a batch is cancelled with its batch."""
    reader = ClassifyReader(services)
    job = await reader.find(scope.project_id, job_id)
    return await reader.view(await SingleJobs(services, scope).cancel(job))


@router.delete("/{job_id}")
async def delete_classify_job(
    services: CurrentServices, scope: CurrentScope, job_id: str
) -> JobDeleted:
    """Remove a job that has ended; results that others share stay."""
    await ClassifyReader(services).find(scope.project_id, job_id)
    async with services.database.write() as session:
        await Jobs(session).delete(scope.project_id, job_id)
    return JobDeleted(id=job_id, project_id=scope.project_id)
