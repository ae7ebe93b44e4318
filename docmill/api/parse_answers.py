"""A job with what its reader asked for."""

import asyncio
from collections.abc import Collection, Sequence

from fastapi import Request

from docmill.api.parse_contents import CONTENTS, render, stored_file
from docmill.api.parse_views import expanded, images
from docmill.api.schemas.parse import ContentMetadata, ParseAnswer, ParseJobView, Usage
from docmill.api.services import Services
from docmill.contracts import BatchStatus, JobType
from docmill.engines.base import ParseResult
from docmill.errors import NotFoundError
from docmill.records.batches import Batches
from docmill.records.jobs import ENDED, Jobs
from docmill.records.results import Results
from docmill.records.tables import Job
from docmill.results import RESULT_FILE


def job_view(job: Job, tier: str | None) -> ParseJobView:
    """Return a parse job on the wire."""
    view = ParseJobView.model_validate(job)
    view.tier = tier
    return view


class JobReader:
    """Reads jobs, and their results from the store."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def find(self, project_id: str, job_type: JobType, job_id: str) -> Job:
        """Return one job.

        Raises:
            NotFoundError: the project has no such job of this product.
        """
        async with self._services.database.read() as session:
            job = await Jobs(session).get(project_id, job_id)
        if job.job_type != job_type:
            raise NotFoundError(f"No {job_type} job {job_id}.", "A batch's items name their jobs.")
        return await self._true(job)

    async def _true(self, job: Job) -> Job:
        """Return a job as it truly is, also when its batch ended without telling it."""
        if job.status in ENDED or job.batch_id is None:
            return job
        desk = self._services.desk
        batch = await desk.find(job.project_id, job.batch_id)
        if batch is not None:
            batch = await desk.current(job.project_id, batch.id, [batch.api])
        async with self._services.database.read() as session:
            job = await Jobs(session).get(job.project_id, job.id)
        if batch is not None and BatchStatus(batch.status).terminal and job.status not in ENDED:
            job.status = "CANCELLED" if batch.status == BatchStatus.CANCELLED else "FAILED"
            job.error_message = batch.reason
        return job

    async def views(self, jobs: Sequence[Job]) -> list[ParseJobView]:
        """Return jobs on the wire, each with the tier that it ran with."""
        tiers: dict[str | None, str | None] = {}
        async with self._services.database.read() as session:
            for batch_id in {job.batch_id for job in jobs if job.batch_id}:
                batch = await Batches(session).get(None, batch_id)
                tiers[batch_id] = batch.parameters.get("tier")
        return [
            job_view(job, (job.parameters or {}).get("tier") or tiers.get(job.batch_id))
            for job in jobs
        ]

    async def stored(self, job: Job) -> bytes | None:
        """Return the result of a job of any product as it is stored; None while there is none."""
        if job.status != "COMPLETED" or job.result_id is None:
            return None
        async with self._services.database.read() as session:
            row = await Results(session).get(job.result_id)
        return await self._services.store.get_bytes(f"{row.object_prefix}/{RESULT_FILE}")

    async def result(self, job: Job) -> ParseResult | None:
        """Return what was made of a parse job's file; None while there is nothing."""
        data = await self.stored(job)
        if data is None:
            return None
        # Hundreds of pages take long to check, and other requests must not wait for that.
        return await asyncio.to_thread(ParseResult.model_validate_json, data)

    async def answer(
        self,
        project_id: str,
        job_id: str,
        wanted: Collection[str],
        request: Request,
        image_filenames: Collection[str] = (),
    ) -> ParseAnswer:
        """Return a parse job and the fields that ``wanted`` names.

        Args:
            project_id: who asks.
            job_id: which job.
            wanted: values of ``expand``.
            request: gives links their host.
            image_filenames: images that are wanted; empty wants all.

        Raises:
            NotFoundError: the project has no such job.
        """
        job = await self.find(project_id, JobType.PARSE, job_id)
        answer = ParseAnswer(job=(await self.views([job]))[0])
        if "usage" in wanted:
            answer.job.usage = Usage(credits=0.0)
        if not set(wanted) - {"usage"}:
            return answer
        result = await self.result(job)
        if result is None:
            return answer
        fields = await asyncio.to_thread(expanded, result, wanted)
        if "images_content_metadata" in wanted:
            fields["images_content_metadata"] = images(
                result,
                image_filenames,
                lambda name: (
                    self._services.links.make(request, "results", job.id, "images", name).url
                ),
            )
        contents = await self._contents(job, result, wanted, request)
        return answer.model_copy(update={**fields, "result_content_metadata": contents})

    async def key_of(self, job: Job, filename: str) -> str:
        """Return the object of a file beside the job's result."""
        async with self._services.database.read() as session:
            row = await Results(session).get(str(job.result_id))
        return f"{row.object_prefix}/{filename}"

    async def _contents(
        self, job: Job, result: ParseResult, wanted: Collection[str], request: Request
    ) -> dict[str, ContentMetadata] | None:
        """Return the downloadable forms that were asked for."""
        found: dict[str, ContentMetadata] = {}
        for name, expand in CONTENTS.items():
            if expand not in wanted:
                continue
            size = await self._size(job, result, name)
            if size is None:
                found[name] = ContentMetadata(size_bytes=0, exists=False)
                continue
            link = self._services.links.make(request, "results", job.id, name)
            found[name] = ContentMetadata(size_bytes=size, presigned_url=link.url)
        return found or None

    async def _size(self, job: Job, result: ParseResult, name: str) -> int | None:
        """Return the bytes of one form; None when the result does not have it."""
        if stored := stored_file(name, result):
            return await self._services.store.size(await self.key_of(job, stored[0]))
        data = await asyncio.to_thread(render, name, result)
        return None if data is None else len(data)
