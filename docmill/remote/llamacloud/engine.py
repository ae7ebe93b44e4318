"""The engine `llamacloud`: processes an item from upload to result, or cancels it."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import structlog

from docmill.engines.base import EngineReport
from docmill.engines.choice import LLAMACLOUD
from docmill.errors import DocmillError, FailureClass, ItemFailure, Retry
from docmill.outbound.fence import Fence
from docmill.records.steps import Steps
from docmill.remote.base import RemoteJob
from docmill.remote.http import RemoteHttp
from docmill.remote.limits import HostLimits
from docmill.remote.llamacloud.classify import CLASSIFY
from docmill.remote.llamacloud.cloud import Cloud
from docmill.remote.llamacloud.extract import EXTRACT
from docmill.remote.llamacloud.parse import PARSE
from docmill.remote.llamacloud.product import Answer, Downloads, Product
from docmill.remote.llamacloud.run import RemoteObjects, Run, RunState
from docmill.settings import Settings

ANSWERS_READ_AS = "1"
"""Version of the conversion; changes whenever the same answer gives another result."""
REQUEST_TIMEOUT = httpx.Timeout(120, connect=10)
"""Timeout of one read or write; LlamaCloud hashes a large upload before it answers."""

PRODUCTS: Mapping[str, Product] = {"parse": PARSE, "classify": CLASSIFY, "extract": EXTRACT}

log = structlog.get_logger(__name__)


class LlamaCloudEngine:
    """Sends documents to LlamaCloud, or to a server with its API."""

    name = LLAMACLOUD
    reads_locally = False

    def __init__(self, cloud: Cloud, downloads: Downloads, settings: Settings) -> None:
        """Create it without connecting."""
        self.version = f"{ANSWERS_READ_AS}@{cloud.host}"
        self._cloud = cloud
        self._downloads = downloads
        self._seconds = settings.remote_timeout_seconds
        self._keep = settings.llamacloud_keep_files

    async def run(self, job: RemoteJob) -> EngineReport:
        """Process one item; an attempt continues where an earlier one stopped.

        Raises:
            ItemFailure: the item failed.
            UnavailableError: LlamaCloud is unavailable or busy.
        """
        objects = self._objects(job.task.product, job.run_id)
        try:
            report = await self._report(job, objects)
        except ItemFailure as failure:
            failure.engine, failure.engine_version = self.name, self.version
            if failure.retry is Retry.NEVER:
                await self._delete_upload(objects, job.steps)
            raise
        await self._delete_upload(objects, job.steps)
        return report

    async def abandon(self, product: str, run_id: str, steps: Steps) -> bool:
        """Cancel the remote job and delete the upload; return whether nothing is left."""
        objects = self._objects(product, run_id)
        try:
            settled = await objects.cancel(await RunState.read(steps))
            if settled:
                await self._delete_upload(objects, steps)
        except DocmillError as error:
            log.info("remote.not_cancelled_yet", run_id=run_id, reason=error.message)
            return False
        return settled

    async def close(self) -> None:
        """Close connections."""
        await self._cloud.close()

    async def _report(self, job: RemoteJob, objects: RemoteObjects) -> EngineReport:
        product = PRODUCTS[job.task.product]
        run = Run(self._cloud, product, job)
        began = time.monotonic()
        job_id = await run.job_id()
        try:
            async with asyncio.timeout(self._seconds):
                await run.ended(job_id)
        except TimeoutError:
            await objects.cancel(await RunState.read(job.steps))
            raise ItemFailure(
                FailureClass.TIMEOUT,
                f"The job at {self._cloud.host} ran longer than DOCMILL_REMOTE_TIMEOUT_SECONDS "
                f"({self._seconds} s) and was cancelled.",
            ) from None
        answer = Answer(
            task=job.task,
            response=await run.answer(job_id),
            job_id=job_id,
            cloud=self._cloud,
            downloads=self._downloads,
            version=self.version,
            seconds=time.monotonic() - began,
        )
        return await product.write(answer)

    async def _delete_upload(self, objects: RemoteObjects, steps: Steps) -> None:
        if not self._keep:
            await objects.delete_upload(await RunState.read(steps))

    def _objects(self, product: str, run_id: str) -> RemoteObjects:
        return RemoteObjects(self._cloud, PRODUCTS[product], run_id)


def open_llamacloud(settings: Settings, hosts: HostLimits) -> LlamaCloudEngine:
    """Return the engine for the endpoint that ``settings`` name."""
    url = settings.llamacloud_base_url
    key = settings.llamacloud_api_key.get_secret_value()
    http = RemoteHttp(
        url,
        hosts.of(url),
        headers={"Authorization": f"Bearer {key}"},
        timeout=REQUEST_TIMEOUT,
    )
    # Results may be downloaded from the host to which the operator sends the documents.
    fence = Fence.allowing([*settings.fence_allow, http.host])
    downloads = Downloads(fence, settings.fetch_timeout_seconds)
    return LlamaCloudEngine(Cloud(http, key, settings.llamacloud_project_id), downloads, settings)
