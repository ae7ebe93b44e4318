"""Classify jobs as the contract shows them."""

import asyncio
from collections.abc import Sequence

from docmill.api.classify.schemas import ClassifyAnswer, ClassifyJobView, ClassifyUsage
from docmill.api.core.services import Services
from docmill.api.jobs.read import JobReader
from docmill.engines.classify.base import ClassifyResult
from docmill.parameters.classify import ClassifyParameters
from docmill.records.batches import SINGLE_JOB
from docmill.records.jobs import Job

USER = "local"
"""Keys name no users, so every job was made by the same one."""


class ClassifyReader:
    """Reads classify jobs, those of batches and those of their own."""

    def __init__(self, services: Services) -> None:
        self._jobs = JobReader(services)

    async def views(self, jobs: Sequence[Job], *, usage: bool = False) -> list[ClassifyJobView]:
        """Return jobs on the wire, in their order."""
        return await asyncio.gather(*(self._view(job, usage=usage) for job in jobs))

    async def view(self, job: Job, *, usage: bool = False) -> ClassifyJobView:
        """Return one job on the wire.

        Raises:
            PurgedError: its result was purged.
        """
        await self._jobs.check_kept(job)
        return (await self.views([job], usage=usage))[0]

    async def _view(self, job: Job, *, usage: bool) -> ClassifyJobView:
        asked = job.batch.config if job.batch.api == SINGLE_JOB else {}
        kind = asked.get("document_input_type", "file_id")
        document = asked.get("file_input") or job.item_id
        billed = await self._jobs.credits(job) if usage else 0.0
        return ClassifyJobView(
            id=job.id,
            configuration=ClassifyParameters.model_validate(job.parameters),
            document_input_type=kind,
            file_input=document,
            project_id=job.project_id,
            user_id=USER,
            status=job.status,
            configuration_id=job.configuration_id,
            error_message=job.error_message,
            parse_job_id=document if kind == "parse_job_id" else None,
            result=await self._result(job),
            transaction_id=asked.get("transaction_id"),
            usage=ClassifyUsage(credits=billed, parse_credits=0.0) if usage else None,
            created_at=job.created_at,
            updated_at=job.updated_at,
            warnings=job.warnings,
        )

    async def _result(self, job: Job) -> ClassifyAnswer | None:
        data = await self._jobs.stored_if_kept(job)
        if data is None:
            return None
        return ClassifyAnswer.model_validate(ClassifyResult.model_validate_json(data).result)
