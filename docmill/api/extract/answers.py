"""Extract jobs as the contract shows them."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from docmill.api.core.services import Services
from docmill.api.extract.schemas import (
    ExtractJobMetadata,
    ExtractJobView,
    ExtractMetadata,
    ExtractUsage,
    FieldMetadata,
    PagesUsage,
)
from docmill.api.jobs.read import JobReader
from docmill.engines.extract.base import ExtractResult
from docmill.parameters.extract import ExtractParameters
from docmill.records.batches import SINGLE_JOB
from docmill.records.jobs import Job

AT_ONCE = 8
"""Results of one list that are read at the same time: each may be large."""


class ExtractReader:
    """Reads extract jobs, those of batches and those of their own."""

    def __init__(self, services: Services) -> None:
        self._jobs = JobReader(services)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def views(
        self, jobs: Sequence[Job], wanted: Collection[str] = ()
    ) -> list[ExtractJobView]:
        """Return jobs on the wire, in their order, with what ``expand`` asks for."""
        return await asyncio.gather(*(self._view(job, wanted) for job in jobs))

    async def view(self, job: Job, wanted: Collection[str] = ()) -> ExtractJobView:
        """Return one job on the wire, with what ``expand`` asks for."""
        await self._jobs.check_kept(job)
        return (await self.views([job], wanted))[0]

    async def _view(self, job: Job, wanted: Collection[str]) -> ExtractJobView:
        asked = job.batch.config if job.batch.api == SINGLE_JOB else {}
        parameters = ExtractParameters.model_validate(job.parameters)
        view = ExtractJobView(
            id=job.id,
            file_input=asked.get("file_input") or job.item_id,
            project_id=job.project_id,
            status=job.status,
            created_at=job.created_at,
            updated_at=job.updated_at,
            configuration_id=job.configuration_id,
            configuration=parameters if "configuration" in wanted else None,
            error_message=job.error_message,
            warnings=job.warnings,
        )
        async with self._turns:
            result = await self._result(job)
        if "usage" in wanted:
            view.usage = ExtractUsage.model_validate(
                {**(result.usage if result else {}), "credits": await self._jobs.credits(job)}
            )
        if result is not None:
            view.extract_result = result.result
            view.metadata = _job_metadata(result)
            cited = parameters.cite_sources or parameters.confidence_scores
            if cited or "extract_metadata" in wanted:
                view.extract_metadata = _metadata(result, parameters, asked)
        return view

    async def _result(self, job: Job) -> ExtractResult | None:
        data = await self._jobs.stored_if_kept(job)
        if data is None:
            return None
        # Large results take long to check, and other requests must not wait for that.
        return await asyncio.to_thread(ExtractResult.model_validate_json, data)


def _metadata(
    result: ExtractResult, parameters: ExtractParameters, asked: dict[str, Any]
) -> ExtractMetadata:
    by_parse = asked.get("document_input_type") == "parse_job_id"
    known = result.field_metadata
    return ExtractMetadata(
        field_metadata=FieldMetadata.model_validate(known) if known else None,
        parse_job_id=asked["file_input"] if by_parse else None,
        parse_tier=_tier(parameters) if result.text_engine else None,
    )


def _job_metadata(result: ExtractResult) -> ExtractJobMetadata:
    return ExtractJobMetadata(
        usage=PagesUsage(
            num_pages_extracted=result.pages_ok,
            num_pages_billed=result.usage.get("pages_billed", 0),
        ),
        engine=result.engine,
        engine_version=result.engine_version,
        pages=result.result_pages or None,
        partial=result.partial,
        warnings=result.warnings,
    )


def _tier(parameters: ExtractParameters) -> str:
    """Return the tier by which the text was read."""
    read_by = parameters.parse_parameters
    return parameters.parse_tier or (read_by.tier if read_by else "cost_effective")
