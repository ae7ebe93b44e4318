"""One run of one item at the other side: upload, job, waiting, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import structlog

from docmill.errors import FailureClass, ItemFailure
from docmill.records.steps import Steps
from docmill.remote.base import RemoteJob
from docmill.remote.llamacloud.answers import State, read
from docmill.remote.llamacloud.cloud import RUN, Cloud
from docmill.remote.llamacloud.product import Product

log = structlog.get_logger(__name__)


FILE = "file"
JOB = "job"

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class RunState:
    """What is known to be there, or may be.

    Attributes:
        file: id of the upload, and the other side's time of it.
        file_begun: whether an upload was begun.
        job: id of the job.
        job_begun: whether a create was begun.
    """

    file: dict[str, Any] | None
    file_begun: bool
    job: str | None
    job_begun: bool

    @classmethod
    async def read(cls, steps: Steps) -> "RunState":
        """Return what all attempts so far have left."""
        return cls(
            file=await steps.get(FILE),
            file_begun=bool(await steps.get(_begun(FILE))),
            job=await steps.get(JOB),
            job_begun=bool(await steps.get(_begun(JOB))),
        )


async def once(
    steps: Steps,
    name: str,
    find: Callable[[], Awaitable[Made | None]],
    make: Callable[[], Awaitable[Made]],
) -> Made:
    """Make something at the other side, unless an earlier attempt did.

    An attempt says what it is about to do before it does it. So one that finds such a word, but
    nothing made, knows that an answer was lost, and looks before it asks again.
    """
    made: Made | None = await steps.get(name)
    if made is not None:
        return made
    if await steps.get(_begun(name)):
        made = await find()
    else:
        await steps.put(_begun(name), True)
    if made is None:
        made = await make()
    await steps.put(name, made)
    return made


def _begun(name: str) -> str:
    return f"{name}_begun"


class RemoteObjects:
    """File and job of one run."""

    def __init__(self, cloud: Cloud, product: Product, run_id: str) -> None:
        """Ask nothing yet."""
        self._cloud = cloud
        self._product = product
        self._run_id = run_id

    async def find_file(self) -> dict[str, Any] | None:
        """Return the upload of this run, as `RunState` has it; None when there is none."""
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

    async def cancel(self, state: RunState) -> bool:
        """Cancel the job, and say whether that is settled.

        Returns:
            False when a create was begun whose job is not to be found, or not yet.
        """
        job_id = state.job
        if job_id is None and state.job_begun and state.file is not None:
            job_id = await self.find_job(state.file)
        if job_id is not None:
            await self._cloud.cancel(self._product.path, job_id)
        return job_id is not None or not state.job_begun

    async def delete_upload(self, state: RunState) -> None:
        """Delete what was uploaded; a refusal to do so is logged and changes nothing.

        Raises:
            UnavailableError: the other side is away.
        """
        if not state.file_begun:
            return
        try:
            # An upload that was slow to arrive may have made a second one; none is left behind.
            uploads, _ = await self._cloud.uploads(self._run_id)
            known = [] if state.file is None else [str(state.file["id"])]
            for file_id in dict.fromkeys([*known, *uploads]):
                await self._cloud.delete_file(file_id)
        except ItemFailure as failure:
            log.warning("remote.file_kept", run_id=self._run_id, reason=failure.message)


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
        self._objects = RemoteObjects(cloud, product, job.run_id)

    async def job_id(self) -> str:
        """Return the id of the remote job; upload and create what is not there yet."""
        known = await self._steps.get(JOB)
        if known is not None:
            return str(known)
        file = await once(self._steps, FILE, self._objects.find_file, self._upload)

        async def find() -> str | None:
            return await self._objects.find_job(file)

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
