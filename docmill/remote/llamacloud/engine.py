"""The engine: an item from upload to result, or to its cancel."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import structlog

from docmill.choosing import LLAMACLOUD
from docmill.engines.base import EngineReport
from docmill.errors import DocmillError, FailureClass, ItemFailure, Retry
from docmill.fencing import Fence
from docmill.remote.base import RemoteJob
from docmill.remote.http import RemoteHttp
from docmill.remote.llamacloud.classify import CLASSIFY
from docmill.remote.llamacloud.cloud import Cloud
from docmill.remote.llamacloud.downloads import Downloads
from docmill.remote.llamacloud.extract import EXTRACT
from docmill.remote.llamacloud.parse import PARSE
from docmill.remote.llamacloud.product import Answer, Product
from docmill.remote.llamacloud.run import Run
from docmill.remote.llamacloud.traces import Traces
from docmill.remote.politeness import Hosts
from docmill.settings import Settings

ANSWERS_READ_AS = "1"
"""Changes whenever the same answer gives another result."""
REQUEST_TIMEOUT = httpx.Timeout(120, connect=10)
"""Of one silence, not of a whole upload; a large one is hashed before it is answered."""
CANCEL_SECONDS = 2.0
"""So long a cancelled item waits for its cancel; a batch is to be over within five."""
CANCEL_AFTER = (0.0, 1.0, 5.0, 30.0, 120.0)
"""Pauses before the tries of one cancel; the later ones are made beside all other work."""

PRODUCTS: Mapping[str, Product] = {"parse": PARSE, "classify": CLASSIFY, "extract": EXTRACT}

log = structlog.get_logger(__name__)


class LlamaCloudEngine:
    """Sends documents to LlamaCloud, or to what speaks its API."""

    name = LLAMACLOUD
    reads_locally = False

    def __init__(self, cloud: Cloud, downloads: Downloads, settings: Settings) -> None:
        """Connect to nothing yet."""
        self.version = f"{ANSWERS_READ_AS}@{cloud.host}"
        self._cloud = cloud
        self._downloads = downloads
        self._seconds = settings.remote_timeout_seconds
        self._keep = settings.llamacloud_keep_files
        self._cancels: set[asyncio.Task[None]] = set()

    async def run(self, job: RemoteJob) -> EngineReport:
        """Work on one item; an attempt that ends early is taken up by the next one.

        Raises:
            ItemFailure: with the class that fits.
            UnavailableError: the other side is away or busy.
        """
        run = Run(self._cloud, PRODUCTS[job.task.product], job)
        try:
            report = await self._report(run, job)
        except ItemFailure as failure:
            failure.engine, failure.engine_version = self.name, self.version
            if failure.retry is Retry.NEVER:
                await self._tidy(run, job)
            raise
        await self._tidy(run, job)
        return report

    async def abandon(self, job: RemoteJob) -> None:
        """Cancel the remote job; what does not succeed at once is tried on beside other work."""
        task = asyncio.create_task(self._cancel(job))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)

    async def close(self) -> None:
        """Close connections; cancels that are still tried have a little time left."""
        if self._cancels:
            await asyncio.wait(self._cancels, timeout=CANCEL_SECONDS)
        for task in self._cancels:
            task.cancel()
        await asyncio.gather(*self._cancels, return_exceptions=True)
        await self._cloud.close()

    async def _report(self, run: Run, job: RemoteJob) -> EngineReport:
        began = time.monotonic()
        job_id = await run.job_id()
        try:
            async with asyncio.timeout(self._seconds):
                await run.ended(job_id)
        except TimeoutError:
            await run.cancel(await Traces.read(job.steps))
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
        return await PRODUCTS[job.task.product].write(answer)

    async def _tidy(self, run: Run, job: RemoteJob) -> None:
        if not self._keep:
            await run.tidy(await Traces.read(job.steps))

    async def _cancel(self, job: RemoteJob) -> None:
        """Cancel and tidy up, in several tries; never raises."""
        run = Run(self._cloud, PRODUCTS[job.task.product], job)
        traces: Traces | None = None  # read once: what was saved may be forgotten meanwhile
        reason = "the job was not found"
        for pause in CANCEL_AFTER:
            await asyncio.sleep(pause)
            try:
                traces = traces or await Traces.read(job.steps)
                if await run.cancel(traces):
                    if not self._keep:
                        await run.tidy(traces)
                    return
            except DocmillError as error:
                reason = error.message
        log.warning("remote.not_cancelled", run_id=job.run_id, reason=reason)


def open_llamacloud(settings: Settings, hosts: Hosts) -> LlamaCloudEngine:
    """Return the engine for the endpoint that ``settings`` name."""
    url = settings.llamacloud_base_url
    key = settings.llamacloud_api_key.get_secret_value()
    http = RemoteHttp(
        url,
        hosts.of(url),
        headers={"Authorization": f"Bearer {key}"},
        timeout=REQUEST_TIMEOUT,
    )
    # Where an operator sends the documents themselves, their results may be loaded from.
    fence = Fence.allowing([*settings.fence_allow, http.host])
    downloads = Downloads(fence, settings.fetch_timeout_seconds)
    return LlamaCloudEngine(Cloud(http, key, settings.llamacloud_project_id), downloads, settings)
