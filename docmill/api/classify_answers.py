"""Classify jobs as the contract shows them."""

import asyncio
from collections.abc import Sequence

from docmill.api.parse_answers import JobReader
from docmill.api.schemas.classify import ClassifyAnswer, ClassifyJobView, ClassifyUsage
from docmill.api.services import Services
from docmill.contracts import JobType
from docmill.engines.classify.base import ClassifyResult
from docmill.parameters.classify import ClassifyParameters
from docmill.records.batches import Batches
from docmill.records.results import PurgedError
from docmill.records.tables import Batch, Job

USER = "local"
"""Keys name no users, so every job was made by the same one."""


class ClassifyReader:
    """Reads classify jobs, those of batches and those of their own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._jobs = JobReader(services)

    async def find(self, project_id: str, job_id: str) -> Job:
        """Return one job as it truly is.

        Raises:
            NotFoundError: the project has no such classify job.
        """
        return await self._jobs.find(project_id, JobType.CLASSIFY, job_id)

    async def views(self, jobs: Sequence[Job], *, usage: bool = False) -> list[ClassifyJobView]:
        """Return jobs on the wire, in their order."""
        batches: dict[str, Batch] = {}
        async with self._services.database.read() as session:
            for batch_id in {job.batch_id or "" for job in jobs}:
                batches[batch_id] = await Batches(session).get(None, batch_id)
        return await asyncio.gather(
            *(self._view(job, batches[job.batch_id or ""], usage=usage) for job in jobs)
        )

    async def view(self, job: Job, *, usage: bool = False) -> ClassifyJobView:
        """Return one job on the wire.

        Raises:
            PurgedError: its result was purged.
        """
        view = (await self.views([job], usage=usage))[0]
        if view.result is None:
            await self._jobs.stored(job)
        return view

    async def _view(self, job: Job, batch: Batch, *, usage: bool) -> ClassifyJobView:
        asked = batch.config if job.file_id is not None else {}
        kind = asked.get("document_input_type", "file_id")
        document = asked.get("file_input") or job.item_id or ""
        return ClassifyJobView(
            id=job.id,
            configuration=ClassifyParameters.model_validate(batch.parameters),
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
            usage=ClassifyUsage(credits=0.0, parse_credits=0.0) if usage else None,
            created_at=job.created_at,
            updated_at=job.updated_at,
        )

    async def _result(self, job: Job) -> ClassifyAnswer | None:
        try:
            data = await self._jobs.stored(job)
        except PurgedError:  # a list must not fail for one old job
            return None
        if data is None:
            return None
        return ClassifyAnswer.model_validate(ClassifyResult.model_validate_json(data).result)
