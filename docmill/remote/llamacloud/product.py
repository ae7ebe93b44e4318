"""The products of LlamaCloud: their endpoints, answers, and downloads of their files."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from docmill.engines.base import EngineReport, EngineTask
from docmill.errors import ItemFailure, Retry, UnavailableError
from docmill.outbound.fence import Fence
from docmill.outbound.fetch import OversizeError, fetch
from docmill.remote.llamacloud.answers import Usage
from docmill.remote.llamacloud.cloud import Cloud


class Downloads:
    """Downloads files that a result links to, without the API key and through the fence."""

    def __init__(self, fence: Fence, seconds: float) -> None:
        """Create it with a fence that allows the engine's host, and the time limit of one file."""
        self._fence = fence
        self._seconds = seconds

    async def load(self, url: str | None, target: Path, max_bytes: int) -> str | None:
        """Download ``url`` to ``target``.

        Returns:
            None, or the reason why the file is missing.

        Raises:
            UnavailableError: the host is unavailable; the download may be retried.
        """
        if not url:
            return "there is no link to it"
        try:
            async with self._fence.transport() as transport:
                await fetch(url, target, transport, max_bytes=max_bytes, seconds=self._seconds)
        except ItemFailure as failure:
            if failure.retry is not Retry.NEVER:
                raise UnavailableError(failure.message, pause=failure.pause) from None
            return failure.message
        except OversizeError as error:
            return error.message
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a completed remote job.

    Attributes:
        task: of the engine.
        response: the job with its result.
        job_id: of the remote job.
        cloud: for further requests.
        downloads: downloads linked files.
        version: of the engine.
        seconds: waiting time of this attempt.
    """

    task: EngineTask
    response: httpx.Response
    job_id: str
    cloud: Cloud
    downloads: Downloads
    version: str
    seconds: float

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.task.output_dir)

    @property
    def timings(self) -> dict[str, float]:
        """The timings of the result."""
        return {"total": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        path: of its jobs.
        body: returns the body of a create request for parameters, file id and run id.
        filters: filters of its list for the jobs of a file; not every list has them.
        expand: the requested parts of a job.
        expand_less: the requested parts if LlamaCloud rejects ``expand``.
        write: writes the result.
    """

    path: str
    body: Callable[[Mapping[str, Any], str, str], dict[str, Any]]
    write: Callable[[Answer], Awaitable[EngineReport]]
    filters: Callable[[str], dict[str, str]] = lambda _: {}
    expand: tuple[str, ...] = ()
    expand_less: tuple[str, ...] = ()


def millicredits(usage: Usage | None) -> dict[str, int]:
    """Return the cost of a job in thousandths of a credit, because usage counts are integers."""
    if usage is None or usage.credits is None:
        return {}
    return {"millicredits": round(usage.credits * 1000)}
