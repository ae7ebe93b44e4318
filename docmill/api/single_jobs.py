"""Jobs of their own: a batch of one file that no list shows, in a workflow of its own.

So a single job is claimed, run, retried, deduplicated, cancelled and mended exactly like a
batch's item.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.closing import close_batch
from docmill.contracts import (
    BatchSpec,
    BatchStatus,
    CloseRequest,
    JobSpec,
    JobType,
    PageRequest,
)
from docmill.errors import ConflictError, UnavailableError
from docmill.records.batches import SINGLE_JOB
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.items import job_id_of
from docmill.records.jobs import Job, Jobs
from docmill.records.paging import Paging
from docmill.records.tables import Batch, DirectoryFile, File

FIRST = 1
"""Position of the only item."""
REMOVED = "removed by force"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A document that a worker will fetch.

    Attributes:
        name: for people; its ending is a hint of what it is.
        url: checked, as far as its text tells.
        http_proxy: an allowed one.
    """

    name: str
    url: str
    http_proxy: str | None = None


Source = File | DirectoryFile | UrlSource
"""An uploaded file, an entry that is read where it lies, or a URL."""


class SingleJobs:
    """Creates and cancels jobs of one project."""

    def __init__(self, services: Services, scope: Scope) -> None:
        self.services = services
        self.scope = scope

    async def create(
        self,
        batch_id: str,
        source: Source,
        parameters: dict[str, Any],
        *,
        job_type: JobType = JobType.PARSE,
        asked: dict[str, Any] | None = None,
        configuration_id: str | None = None,
        user_metadata: dict[str, str] | None = None,
    ) -> Job:
        """Create a job over ``source`` and start it; doing so again returns the first.

        Args:
            batch_id: id of the batch of one; the job's id follows from it.
            source: the document.
            parameters: in the vocabulary of the product.
            job_type: the product.
            asked: what the request said beside that, kept with the batch of one.
            configuration_id: the stored configuration that gave ``parameters``.
            user_metadata: notes of whoever asks.

        Raises:
            UsageError: a parameter is wrong.
        """
        batch = await self.services.batches.find(self.scope.project_id, batch_id)
        name = source.display_name if isinstance(source, DirectoryFile) else source.name
        if batch is None:
            spec = BatchSpec(
                project_id=self.scope.project_id,
                item_ids=(await self._list(batch_id, source),),
                job=JobSpec(type=job_type, parameters=parameters),
                page_size=1,
            )
            batch, _ = await self.services.batches.create(
                spec,
                id=batch_id,
                api=SINGLE_JOB,
                name=name,
                config=asked or {},
                configuration_id=configuration_id,
            )
        job = await self._record(batch, user_metadata)
        await self.services.batches.start_soon(batch)
        return job

    async def cancel(self, job: Job) -> Job:
        """Ask a job to stop.

        Raises:
            ConflictError: it has ended, or belongs to a batch of several.
            UnavailableError: Temporal is away.
        """
        if job.status.terminal:
            raise ConflictError(f"The job {job.id} has ended: {job.status}.")
        await self.services.batches.cancel(self._own_batch(job))
        async with self.services.database.read() as session:
            return await Jobs(session).get(self.scope.project_id, job.id)

    async def end(self, job: Job) -> None:
        """Cancel a job at once, whether or not its workflow is there to hear of it.

        What still runs of it changes nothing any more: its item has its outcome.

        Raises:
            ConflictError: it belongs to a batch of several.
        """
        batch = self._own_batch(job)
        with suppress(UnavailableError, ConflictError):
            await self.services.batches.cancel(batch, REMOVED)
        request = CloseRequest(
            batch_id=batch.id, epoch=batch.epoch, ending=BatchStatus.CANCELLED, reason=REMOVED
        )
        scratch = self.services.settings.scratch
        await close_batch(self.services.database, self.services.store, scratch, request)

    def _own_batch(self, job: Job) -> Batch:
        """Return the batch that is this job's alone."""
        if job.batch.api != SINGLE_JOB:
            raise ConflictError(
                f"The job {job.id} belongs to the batch {job.batch.id}.", "Cancel the batch."
            )
        return job.batch

    async def _list(self, batch_id: str, source: Source) -> str:
        """Return the entry of ``source``: its own, or one in the project's internal directory."""
        if isinstance(source, DirectoryFile):
            return source.id
        project_id = self.scope.project_id
        async with self.services.database.write() as session:
            directory_id = (await Directories(session).for_single_jobs(project_id)).id
            files = DirectoryFiles(session)
            if isinstance(source, File):
                entry = await files.attach(
                    project_id, directory_id, source, unique_id=source.id, internal=True
                )
            else:
                # What a URL leads to may change, so each job has an entry of its own.
                entry = await files.name_url(
                    project_id,
                    directory_id,
                    unique_id=f"{batch_id}/{source.name}",
                    name=source.name,
                    url=source.url,
                    http_proxy=source.http_proxy,
                )
            return entry.id

    async def _record(self, batch: Batch, user_metadata: dict[str, str] | None) -> Job:
        """Write the ledger row and the job, so that both are there before anything runs."""
        page = PageRequest(batch_id=batch.id, epoch=batch.epoch, after=0, limit=1)
        async with self.services.database.write() as session:
            # No key is known to match here: the workflow asks again, with the engines' versions.
            await Paging(session).next_page(batch, page, lambda _, __: "")
            await Jobs(session).open(batch, FIRST, user_metadata)
            job_id = job_id_of(batch.job_type, batch.id, FIRST)
            return await Jobs(session).get(batch.project_id, job_id)
