"""One run of one item at the other side: upload, job, waiting, answer."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from docmill.errors import FailureClass, ItemFailure
from docmill.remote.base import RemoteJob
from docmill.remote.llamacloud.answers import State, read
from docmill.remote.llamacloud.cloud import Cloud
from docmill.remote.llamacloud.product import Product
from docmill.remote.llamacloud.remains import Remains
from docmill.remote.llamacloud.traces import FILE, JOB, once

FIRST_LOOK_SECONDS = 0.5
"""After this a new job is looked at for the first time: small documents are done by then."""
SLOWER = 1.4
"""Each look waits so much longer than the one before."""
LAST_LOOK_SECONDS = 10.0
"""Between two looks at a job that takes long."""
_ENDED = frozenset({"FAILED", "CANCELLED"})


class Run:
    """What all attempts of one run do together: each step once, whoever takes it."""

    def __init__(self, cloud: Cloud, product: Product, job: RemoteJob) -> None:
        """Do nothing yet."""
        self._cloud = cloud
        self._product = product
        self._task = job.task
        self._run_id = job.run_id
        self._steps = job.steps
        self._remains = Remains(cloud, product, job.run_id)

    async def job_id(self) -> str:
        """Return the id of the remote job; upload and create what is not there yet."""
        known = await self._steps.get(JOB)
        if known is not None:
            return str(known)
        file = await once(self._steps, FILE, self._remains.find_file, self._upload)

        async def find() -> str | None:
            return await self._remains.find_job(file)

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

    async def _upload(self) -> dict[str, Any]:
        file_id, at = await self._cloud.upload(
            Path(self._task.document), self._task.name, self._run_id, self._task.product
        )
        return {"id": file_id, "at": at}
