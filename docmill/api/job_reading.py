"""Jobs of every product, as they truly are, with their batches and their stored results."""

from collections.abc import Sequence

from docmill.api.services import Services
from docmill.contracts import BatchStatus, JobType
from docmill.errors import NotFoundError
from docmill.objects.results import RESULT_FILE, result_key
from docmill.records.batches import Batches
from docmill.records.jobs import ENDED, Jobs
from docmill.records.results import PurgedError, Results
from docmill.records.tables import Batch, Job, Result


class JobReader:
    """Reads jobs of batches and jobs of their own alike."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def find(self, project_id: str, job_type: JobType, job_id: str) -> Job:
        """Return one job.

        Raises:
            NotFoundError: the project has no such job of this product.
        """
        async with self.services.database.read() as session:
            job = await Jobs(session).get(project_id, job_id)
        if job.job_type != job_type:
            raise NotFoundError(f"No {job_type} job {job_id}.", "A batch's items name their jobs.")
        return await self._true(job)

    async def batches_of(self, jobs: Sequence[Job]) -> dict[str | None, Batch]:
        """Return the batch of each job, by its id; a job of its own has one too."""
        async with self.services.database.read() as session:
            return {
                batch.id: batch
                for batch in await Batches(session).several({job.batch_id or "" for job in jobs})
            }

    async def stored(self, job: Job) -> bytes | None:
        """Return the result of a job as it is stored; None while there is none.

        Raises:
            PurgedError: it was purged.
        """
        if job.status != "COMPLETED" or job.result_id is None:
            return None
        return await self.services.store.get_bytes(await self.key_of(job, RESULT_FILE))

    async def stored_if_kept(self, job: Job) -> bytes | None:
        """Return the same, and None for what was purged: a list must not fail for one old job."""
        try:
            return await self.stored(job)
        except PurgedError:
            return None

    async def check_kept(self, job: Job) -> None:
        """Let one job's answer fail when its result was purged.

        Raises:
            PurgedError: it was.
        """
        if job.result_id is not None:
            async with self.services.database.read() as session:
                await Results(session).get(job.result_id)

    async def key_of(self, job: Job, filename: str) -> str:
        """Return the object of a file of the job's result."""
        async with self.services.database.read() as session:
            row = await Results(session).get(str(job.result_id))
        return result_key(row.object_prefix, filename)

    async def credits(self, job: Job) -> float:
        """Return what LlamaCloud has billed for a job's result, if it was the engine."""
        if job.result_id is None:
            return 0.0
        async with self.services.database.read() as session:
            row = await session.get(Result, job.result_id)
        usage = (row.usage if row else None) or {}
        return float(usage.get("millicredits", 0)) / 1000

    async def _true(self, job: Job) -> Job:
        """Return a job as it truly is, also when its batch ended without telling it."""
        if job.status in ENDED or job.batch_id is None:
            return job
        desk = self.services.desk
        batch = await desk.find(job.project_id, job.batch_id)
        if batch is not None:
            batch = await desk.current(job.project_id, batch.id, [batch.api])
        async with self.services.database.read() as session:
            job = await Jobs(session).get(job.project_id, job.id)
        if batch is not None and BatchStatus(batch.status).terminal and job.status not in ENDED:
            job.status = "CANCELLED" if batch.status == BatchStatus.CANCELLED else "FAILED"
            job.error_message = batch.reason
        return job
