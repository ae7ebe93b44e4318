"""Reads jobs of all products, after reconciliation with Temporal, and their stored results."""

from docmill.api.core.services import Services
from docmill.contracts.words import JobStatus, JobType
from docmill.errors import NotFoundError
from docmill.objects.results import RESULT_FILE, result_key
from docmill.records.jobs import Job, Jobs
from docmill.records.results import PurgedError, Results


class JobReader:
    """Reads jobs of batches and single jobs."""

    def __init__(self, services: Services) -> None:
        self.services = services

    async def find(self, project_id: str, job_type: JobType, job_id: str) -> Job:
        """Return one job; the batch of a running job is first reconciled with its workflow.

        Raises:
            NotFoundError: the project has no such job of this product.
        """
        job = await self._get(project_id, job_id)
        if job.job_type != job_type:
            raise NotFoundError(f"No {job_type} job {job_id}.", "A batch's items name their jobs.")
        if job.status.terminal:
            return job
        await self.services.batches.current(project_id, job.batch.id, [job.batch.api])
        return await self._get(project_id, job_id)

    async def _get(self, project_id: str, job_id: str) -> Job:
        async with self.services.database.read() as session:
            return await Jobs(session).get(project_id, job_id)

    async def stored(self, job: Job) -> bytes | None:
        """Return the stored result of a job; None as long as it has none.

        Raises:
            PurgedError: retention removed it.
        """
        if job.status is not JobStatus.COMPLETED or job.result_id is None:
            return None
        data = await self.services.store.get_bytes(await self.key_of(job, RESULT_FILE))
        await self.services.database.audit([job.id])
        return data

    async def stored_unless_purged(self, job: Job) -> bytes | None:
        """Like `stored`, but return None for a purged result: one old job must not fail a list."""
        try:
            return await self.stored(job)
        except PurgedError:
            return None

    async def check_not_purged(self, job: Job) -> None:
        """Check that the result of a job is still stored.

        Raises:
            PurgedError: retention removed it.
        """
        if job.result_id is not None:
            async with self.services.database.read() as session:
                await Results(session).get(job.result_id)

    async def key_of(self, job: Job, filename: str) -> str:
        """Return the object key of a file of the job's result."""
        async with self.services.database.read() as session:
            row = await Results(session).get(str(job.result_id))
        return result_key(row.object_prefix, filename)

    async def credits(self, job: Job) -> float:
        """Return the credits that LlamaCloud billed for a job's result; 0 for other engines."""
        if job.result_id is None:
            return 0.0
        async with self.services.database.read() as session:
            usage = await Results(session).usage_of(job.result_id)
        return float(usage.get("millicredits", 0)) / 1000
