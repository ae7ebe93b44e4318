"""Single jobs. Each is a batch of one file that no list of batches shows.

So a single job is claimed, run, retried, deduplicated, cancelled and reconciled like an item of a
batch.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from docmill.api.core.idempotency import Idempotency, deleted_object_error
from docmill.api.core.limits import admit_batch
from docmill.api.core.scope import Scope
from docmill.api.core.services import Services
from docmill.api.jobs.documents import Source, state_of
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.api.webhooks.targets import build_webhook_targets
from docmill.batches.create import insert_batch
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.items import PageRequest
from docmill.contracts.words import BatchStatus, JobType
from docmill.errors import ConflictError, NotFoundError, UnavailableError
from docmill.ids import Prefix, derived_id, new_id
from docmill.records.batches import SINGLE_JOB, Batches
from docmill.records.database import Session
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.items import job_id_of
from docmill.records.jobs import Job, Jobs
from docmill.records.pages import ListingPages
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Configuration, DirectoryFile, File

ONLY_POSITION = 1
"""Position of the only item of the batch."""
REMOVED = "removed by force"


@dataclass(frozen=True, slots=True)
class NewJob:
    """Input of a new single job.

    Attributes:
        source: the document; an upload without an id is inserted with the job.
        parameters: of the product.
        requested: further fields of the request, stored with the batch.
        configuration: the saved configuration with ``parameters``.
        user_metadata: tags from the request.
        webhook_ids: stored endpoints that receive the job's events.
        webhooks: further endpoints from the request.
    """

    source: Source
    parameters: dict[str, Any]
    requested: dict[str, Any] = field(default_factory=dict)
    configuration: Configuration | None = None
    user_metadata: dict[str, str] | None = None
    webhook_ids: Sequence[str] | None = None
    webhooks: Sequence[InlineWebhook] | None = None

    @property
    def state(self) -> object:
        """A value that changes when the job's source or configuration changes."""
        version = self.configuration.version if self.configuration else None
        return [state_of(self.source), version]


Build = Callable[[Session], Awaitable[NewJob]]
"""Reads the input of a job in the transaction that inserts the job."""


class SingleJobs:
    """Creates and cancels the jobs of one project and product."""

    def __init__(self, services: Services, scope: Scope, job_type: JobType) -> None:
        self.services = services
        self.scope = scope
        self.job_type = job_type

    async def create(
        self, idempotency: Idempotency, requested: Mapping[str, Any], build: Build
    ) -> Job:
        """Create a job in one transaction and start it; a repeated request returns the first job.

        Args:
            idempotency: whether the request is a repeated one.
            requested: all fields of the request.
            build: reads the input of the job.

        Raises:
            UsageError: a parameter is invalid.
            NotFoundError: the source does not exist, or the job of an earlier request was deleted.
        """
        async with self.services.database.write() as session:
            made = await idempotency.before(session, requested)
            job = await self._known(session, made) if made else None
            if job is None:
                new = await build(session)
                batch_id = new_id(Prefix.BATCH)
                claim = await idempotency.claim(
                    session, requested, batch_id, answer_id=self._job_id(batch_id), source=new.state
                )
                job = await self._known(session, claim.object_id) if claim.joined else None
                job = job or await self._insert(session, claim.object_id, new)
        await self._start(job)
        return job

    async def create_as(self, batch_id: str, build: Build) -> Job:
        """Create the job whose batch has this id, unless it exists, and start it.

        Raises:
            UsageError: a parameter is invalid.
            NotFoundError: the source does not exist, or the job existed and was deleted.
        """
        async with self.services.database.write() as session:
            job = await self._known(session, batch_id)
            job = job or await self._insert(session, batch_id, await build(session))
        await self._start(job)
        return job

    async def _known(self, session: Session, batch_id: str) -> Job | None:
        """Return the job whose batch has this id; None if there is none.

        Raises:
            NotFoundError: it was deleted.
        """
        if await Batches(session).find(self.scope.project_id, batch_id) is None:
            return None
        try:
            return await Jobs(session).get(self.scope.project_id, self._job_id(batch_id))
        except NotFoundError:
            raise deleted_object_error(self._job_id(batch_id)) from None

    async def _insert(self, session: Session, batch_id: str, new: NewJob) -> Job:
        """Insert a job, its batch and its ledger row, before anything runs."""
        project_id = self.scope.project_id
        await admit_batch(session, project_id, self.scope.limits)
        entry = await self._entry(session, batch_id, new.source)
        targets = await build_webhook_targets(
            session,
            self.services.fence,
            project_id=project_id,
            owner_id=batch_id,
            stored=new.webhook_ids,
            inline=new.webhooks,
            configuration=new.configuration,
        )
        job = JobSpec(type=self.job_type, parameters=new.parameters)
        batch, _ = await insert_batch(
            session,
            self.services.settings,
            BatchSpec(project_id=project_id, job=job, page_size=1),
            [(entry.directory_id, entry.sequence)],
            targets=targets,
            id=batch_id,
            api=SINGLE_JOB,
            name=entry.display_name,
            namespace=self.services.temporal.namespace,
            config=new.requested,
            configuration_id=new.configuration.id if new.configuration else None,
        )
        # No cache key here: the workflow looks for results again, with the versions of the engines.
        page = PageRequest(batch_id=batch.id, epoch=batch.epoch, after=0, limit=1)
        await ListingPages(session).next_page(batch, page, lambda _, __: "")
        await Jobs(session).open(batch, ONLY_POSITION, new.user_metadata)
        return await Jobs(session).get(project_id, self._job_id(batch_id))

    def _job_id(self, batch_id: str) -> str:
        return job_id_of(self.job_type, batch_id, ONLY_POSITION)

    async def _start(self, job: Job) -> None:
        """Start a pending job; if Temporal is unavailable, a worker starts it later."""
        if job.batch.status == BatchStatus.PENDING:
            await self.services.batches.start_soon(job.batch)

    async def cancel(self, job: Job) -> Job:
        """Request the cancellation of a job.

        Raises:
            ConflictError: it has ended, or belongs to a batch of several files.
            UnavailableError: Temporal is unavailable.
        """
        if job.status.terminal:
            raise ConflictError(f"The job {job.id} has ended: {job.status}.")
        await self.services.batches.cancel(self._own_batch(job))
        async with self.services.database.read() as session:
            return await Jobs(session).get(self.scope.project_id, job.id)

    async def end(self, job: Job) -> None:
        """Cancel a job at once, even if its workflow cannot be reached.

        An activity that still runs changes nothing: the item already has its outcome.

        Raises:
            ConflictError: it belongs to a batch of several files.
        """
        batch = self._own_batch(job)
        with suppress(UnavailableError, ConflictError):
            await self.services.batches.cancel(batch, REMOVED)
        await self.services.batches.reconciler.end(batch, BatchStatus.CANCELLED, REMOVED)

    def _own_batch(self, job: Job) -> Batch:
        """Return the batch of a single job."""
        if job.batch.api != SINGLE_JOB:
            raise ConflictError(
                f"The job {job.id} belongs to the batch {job.batch.id}.", "Cancel the batch."
            )
        return job.batch

    async def _entry(self, session: Session, batch_id: str, source: Source) -> DirectoryFile:
        """Return the directory file of ``source``, or add one to the internal directory."""
        if isinstance(source, DirectoryFile):
            return source
        project_id = self.scope.project_id
        directory_id = (await Directories(session).for_single_jobs(project_id)).id
        files = DirectoryFiles(session)
        if isinstance(source, File):
            if not source.id:  # a new upload
                source.id = derived_id(Prefix.FILE, batch_id)
                source, _ = await Files(session).create(source)
            return await files.attach(
                project_id, directory_id, source, unique_id=source.id, internal=True
            )
        # The content behind a URL may change, so each job has a separate directory file.
        return await files.name_url(
            project_id,
            directory_id,
            unique_id=f"{batch_id}/{source.name}",
            name=source.name,
            url=source.url,
            http_proxy=source.http_proxy,
        )
