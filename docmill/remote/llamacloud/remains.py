"""What a run has at the other side: found again, cancelled, deleted."""

from typing import Any

import structlog

from docmill.errors import ItemFailure
from docmill.remote.llamacloud.cloud import RUN, Cloud
from docmill.remote.llamacloud.product import Product
from docmill.remote.llamacloud.traces import Traces

log = structlog.get_logger(__name__)


class Remains:
    """File and job of one run."""

    def __init__(self, cloud: Cloud, product: Product, run_id: str) -> None:
        """Ask nothing yet."""
        self._cloud = cloud
        self._product = product
        self._run_id = run_id

    async def find_file(self) -> dict[str, Any] | None:
        """Return the upload of this run, as `Traces` has it; None when there is none."""
        uploads, at = await self._cloud.uploads(self._run_id)
        return {"id": uploads[0], "at": at} if uploads else None

    async def find_job(self, file: dict[str, Any]) -> str | None:
        """Return the job that was made of the file, which belongs to this run alone."""
        file_id = str(file["id"])
        filters = self._product.filters(file_id)
        async for job in self._cloud.jobs(self._product.path, file["at"], **filters):
            if job.file_input == file_id or (job.user_metadata or {}).get(RUN) == self._run_id:
                return job.id
        return None

    async def cancel(self, traces: Traces) -> bool:
        """Cancel the job, and say whether that is settled.

        Returns:
            False when a create was begun whose job is not to be found, or not yet.
        """
        job_id = traces.job
        if job_id is None and traces.job_begun and traces.file is not None:
            job_id = await self.find_job(traces.file)
        if job_id is not None:
            await self._cloud.cancel(self._product.path, job_id)
        return job_id is not None or not traces.job_begun

    async def tidy(self, traces: Traces) -> None:
        """Delete what was uploaded; a refusal to do so is logged and changes nothing.

        Raises:
            UnavailableError: the other side is away.
        """
        if not traces.file_begun:
            return
        try:
            # An upload that was slow to arrive may have made a second one; none is left behind.
            uploads, _ = await self._cloud.uploads(self._run_id)
            known = [] if traces.file is None else [str(traces.file["id"])]
            for file_id in dict.fromkeys([*known, *uploads]):
                await self._cloud.delete_file(file_id)
        except ItemFailure as failure:
            log.warning("remote.file_kept", run_id=self._run_id, reason=failure.message)
