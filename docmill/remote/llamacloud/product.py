"""What is different about each product at the other side."""

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
    """Loads files for results, through the fence that holds for every URL from outside."""

    def __init__(self, fence: Fence, seconds: float) -> None:
        """Take the fence, with a gap for the engine's own host, and the time for one file."""
        self._fence = fence
        self._seconds = seconds

    async def load(self, url: str | None, target: Path, max_bytes: int) -> str | None:
        """Write what is at ``url`` to ``target``.

        Returns:
            Why there is no such file; None when there is.

        Raises:
            UnavailableError: the host is away; trying again is right.
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
    """The result of a remote job that has completed, and where its files go.

    Attributes:
        task: what was asked.
        response: the job with its result.
        job_id: its id.
        cloud: gives further parts of it.
        downloads: loads files that an answer links to.
        version: of the engine.
        seconds: that this attempt has waited.
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
        """Where the result is written."""
        return Path(self.task.output_dir)

    @property
    def timings(self) -> dict[str, float]:
        """What is known of the time it took."""
        return {"total": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Product:
    """One product's endpoint.

    Attributes:
        path: of its jobs.
        body: what creates a job, from parameters, file id and run.
        filters: of its list, for the jobs of a file; not every list has one.
        expand: parts of a job that the result is made of.
        expand_less: what is asked for when those are refused.
        write: writes the result.
    """

    path: str
    body: Callable[[Mapping[str, Any], str, str], dict[str, Any]]
    write: Callable[[Answer], Awaitable[EngineReport]]
    filters: Callable[[str], dict[str, str]] = lambda _: {}
    expand: tuple[str, ...] = ()
    expand_less: tuple[str, ...] = ()


def millicredits(usage: Usage | None) -> dict[str, int]:
    """Return what a job cost in thousandths of a credit, for usage counts in whole numbers."""
    if usage is None or usage.credits is None:
        return {}
    return {"millicredits": round(usage.credits * 1000)}
