"""One run of one item at the other side: upload, job, waiting, tidying up."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import structlog

from docmill.errors import FailureClass, ItemFailure
from docmill.remote.base import RemoteJob
from docmill.remote.llamacloud.answers import State, read
from docmill.remote.llamacloud.cloud import RUN, Cloud
from docmill.remote.llamacloud.product import Product
from docmill.remote.llamacloud.traces import FILE, JOB, Traces, once

FIRST_LOOK_SECONDS = 0.5
"""After this a new job is looked at for the first time: small documents are done by then."""
SLOWER = 1.4
"""Each look waits so much longer than the one before."""
LAST_LOOK_SECONDS = 10.0
"""Between two looks at a job that takes long."""
_ENDED = frozenset({"FAILED", "CANCELLED"})

log = structlog.get_logger(__name__)


class Run:
    """What all attempts of one run do together: each step once, whoever takes it."""

    def __init__(self, cloud: Cloud, product: Product, job: RemoteJob) -> None:
        """Do nothing yet."""
        self._cloud = cloud
        self._product = product
        self._task = job.task
        self._run_id = job.run_id
        self._steps = job.steps

    async def job_id(self) -> str:
        """Return the id of the remote job; upload and create what is not there yet."""
        known = await self._steps.get(JOB)
        if known is not None:
            return str(known)
        file = await once(self._steps, FILE, self._find_file, self._upload)

        async def find() -> str | None:
            return await self._find_job(file)

        async def create() -> str:
            body = self._product.body(self._task.parameters, str(file["id"]), self._run_id)
            return await self._cloud.create(self._product.path, body, self._run_id)

        return await once(self._steps, JOB, find, create)

    async def ended(self, job_id: str) -> None:
        """Wait until the job has completed.

        Raises:
            ItemFailure: it failed, or was cancelled at the other side.
            UnavailableError: the other side is away; the next attempt waits on.
        """
        pause = FIRST_LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            job = read(State, await self._cloud.get(self._product.path, job_id))
            if job.status == "COMPLETED":
                return
            if job.status in _ENDED:
                reason = self._cloud.without_key(job.error_message or "no reason given")
                message = f"The job at {self._cloud.host} ended as {job.status}: {reason}"
                raise ItemFailure(FailureClass.ENGINE_ERROR, message)
            pause = min(pause * SLOWER, LAST_LOOK_SECONDS)

    async def answer(self, job_id: str) -> httpx.Response:
        """Return a job that has completed, with its result."""
        path, less = self._product.path, self._product.expand_less
        try:
            return await self._cloud.get(path, job_id, self._product.expand)
        except ItemFailure as failure:
            if failure.failure_class is not FailureClass.ENGINE_REFUSED or not less:
                raise
            return await self._cloud.get(path, job_id, less)

    async def cancel(self, traces: Traces) -> bool:
        """Cancel the job, and say whether that is settled.

        Returns:
            False when a create was begun whose job is not to be found, or not yet.
        """
        job_id = traces.job
        if job_id is None and traces.job_begun and traces.file is not None:
            job_id = await self._find_job(traces.file)
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

    async def _upload(self) -> dict[str, Any]:
        file_id, at = await self._cloud.upload(
            Path(self._task.document), self._task.name, self._run_id, self._task.product
        )
        return {"id": file_id, "at": at}

    async def _find_file(self) -> dict[str, Any] | None:
        uploads, at = await self._cloud.uploads(self._run_id)
        return {"id": uploads[0], "at": at} if uploads else None

    async def _find_job(self, file: dict[str, Any]) -> str | None:
        """Return the job that was made of the file, which belongs to this run alone."""
        file_id = str(file["id"])
        filters = self._product.filters(file_id)
        async for job in self._cloud.jobs(self._product.path, file["at"], **filters):
            if job.file_input == file_id or (job.user_metadata or {}).get(RUN) == self._run_id:
                return job.id
        return None
