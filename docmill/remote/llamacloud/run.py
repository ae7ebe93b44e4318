"""One run of an item at LlamaCloud: its saved state, upload, job, polling and cleanup."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, TypeVar

import httpx
import structlog

from docmill.engines.base import EngineTask, open_regular
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
    """The saved state of a run, from the steps of all its attempts.

    Attributes:
        file: id of the upload, and LlamaCloud's time of it.
        file_begun: whether an upload was started.
        job: id of the job.
        job_begun: whether the creation of a job was started.
    """

    file: dict[str, Any] | None
    file_begun: bool
    job: str | None
    job_begun: bool

    @classmethod
    async def read(cls, steps: Steps) -> "RunState":
        """Return the state that all attempts so far have saved."""
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
    """Create an object at LlamaCloud, unless an earlier attempt did.

    An attempt saves its intent before it sends the request. If a later attempt finds the intent
    without an object, a response was lost, and it searches for the object before it creates one.
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
    """The upload and the job of one run: search, cancellation and deletion."""

    def __init__(self, cloud: Cloud, product: Product, run_id: str) -> None:
        """Create it without a request."""
        self._cloud = cloud
        self._product = product
        self._run_id = run_id

    async def find_file(self) -> dict[str, Any] | None:
        """Return the upload of this run in the format of `RunState`; None if there is none."""
        uploads, at = await self._cloud.uploads(self._run_id)
        return {"id": uploads[0], "at": at} if uploads else None

    async def find_job(self, file: dict[str, Any]) -> str | None:
        """Return the job of the file, which belongs to this run alone."""
        file_id = str(file["id"])
        filters = self._product.filters(file_id)
        async for job in self._cloud.jobs(self._product.path, file["at"], **filters):
            if job.file_input == file_id or (job.user_metadata or {}).get(RUN) == self._run_id:
                return job.id
        return None

    async def cancel(self, state: RunState) -> bool:
        """Cancel the job.

        Returns:
            False if the creation of a job was started, but the job is not found (yet).
        """
        job_id = state.job
        if job_id is None and state.job_begun and state.file is not None:
            job_id = await self.find_job(state.file)
        if job_id is not None:
            await self._cloud.cancel(self._product.path, job_id)
        return job_id is not None or not state.job_begun

    async def delete_upload(self, state: RunState) -> None:
        """Delete the uploaded files; an error response is only logged.

        Raises:
            UnavailableError: LlamaCloud is unavailable.
        """
        if not state.file_begun:
            return
        try:
            # A delayed upload may have created a second file, so all files of the run are deleted.
            uploads, _ = await self._cloud.uploads(self._run_id)
            known = [] if state.file is None else [str(state.file["id"])]
            for file_id in dict.fromkeys([*known, *uploads]):
                await self._cloud.delete_file(file_id)
        except ItemFailure as failure:
            log.warning("remote.file_kept", run_id=self._run_id, reason=failure.message)


FIRST_POLL_SECONDS = 0.5
"""Delay of the first poll of a new job, after which small documents are done."""
POLL_BACKOFF = 1.4
"""Factor between two poll intervals."""
MAX_POLL_SECONDS = 10.0
"""Maximum poll interval."""
_ENDED = frozenset({"FAILED", "CANCELLED"})


class Run:
    """One run, shared by all its attempts: each step is executed once."""

    def __init__(self, cloud: Cloud, product: Product, job: RemoteJob) -> None:
        """Create it without a request."""
        self._cloud = cloud
        self._product = product
        self._task = job.task
        self._run_id = job.run_id
        self._steps = job.steps
        self._objects = RemoteObjects(cloud, product, job.run_id)

    async def job_id(self) -> str:
        """Return the id of the remote job; upload the file and create the job if needed."""
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
            ItemFailure: it failed, or was cancelled at LlamaCloud.
            UnavailableError: LlamaCloud is unavailable; the next attempt continues to wait.
        """
        pause = FIRST_POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            job = read(State, await self._cloud.get(self._product.path, job_id))
            if job.status == "COMPLETED":
                return
            if job.status in _ENDED:
                reason = self._cloud.without_key(job.error_message or "no reason given")
                message = f"The job at {self._cloud.host} ended as {job.status}: {reason}"
                raise ItemFailure(FailureClass.ENGINE_ERROR, message)
            pause = min(pause * POLL_BACKOFF, MAX_POLL_SECONDS)

    async def answer(self, job_id: str) -> httpx.Response:
        """Return the completed job with its result."""
        path, less = self._product.path, self._product.expand_less
        try:
            return await self._cloud.get(path, job_id, self._product.expand)
        except ItemFailure as failure:
            if failure.failure_class is not FailureClass.ENGINE_REFUSED or not less:
                raise
            return await self._cloud.get(path, job_id, less)

    async def _upload(self) -> dict[str, Any]:
        """Upload the bytes that were hashed: no other file that takes their place meanwhile."""
        with await asyncio.to_thread(_opened, self._task) as document:
            file_id, at = await self._cloud.upload(
                document, self._task.name, self._run_id, self._task.product
            )
        return {"id": file_id, "at": at}


def _opened(task: EngineTask) -> BinaryIO:
    if task.content is not None:
        return BytesIO(task.content)
    try:
        return os.fdopen(open_regular(task.document, task.file_state), "rb")
    except OSError as error:
        raise ItemFailure(
            FailureClass.STORAGE_ERROR, f"The file cannot be read: {error.strerror}.", phase="read"
        ) from None
