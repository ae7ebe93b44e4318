"""The protocol of remote engines, and what they are given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from docmill.engines.base import EngineReport, EngineTask, ParseResult
from docmill.engines.choice import LLAMACLOUD, LLM
from docmill.records.steps import Steps
from docmill.remote.limits import HostLimits
from docmill.settings import Settings


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """One item's run by a remote engine, which may be its second or tenth attempt.

    Attributes:
        task: product, document, parameters, and the folder for ``result.json``.
        run_id: job and epoch: the same over all attempts of this run, and of no other.
        item_id: the directory file's id.
        steps: what earlier attempts have done; look there before paying for anything.
        read: parses the document by the local engines in a child process, with parameters in
            the vocabulary of ``parse_v2``; raises what `EnginePool.run` does.
    """

    task: EngineTask
    run_id: str
    item_id: str
    steps: Steps
    read: Callable[[dict[str, Any]], Awaitable[ParseResult]]


class RemoteEngine(Protocol):
    """Runs items at the other side of a network, many at the same time in one process.

    Attributes:
        name: as `docmill.engines.choice` knows it.
        version: changes whenever the same file may give another result: the model is part of it.
        reads_locally: whether it gets its text by `RemoteJob.read`, so that its results depend on
            the local engines as well.
    """

    name: str
    version: str
    reads_locally: bool

    async def run(self, job: RemoteJob) -> EngineReport:
        """Work on one item, and leave ``result.json`` and what it names in its output folder.

        Raises:
            ItemFailure: with the class that fits.
            UnavailableError: the other side is away or busy; the item waits and comes again.
        """
        ...

    async def abandon(self, product: str, run_id: str, steps: Steps) -> bool:
        """End what still runs at the other side, for an item that has its outcome. Never raises.

        Returns:
            Whether nothing is left there, as far as can be known; else this is asked again later.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def open_engines(settings: Settings, names: tuple[str, ...]) -> dict[str, RemoteEngine]:
    """Return the remote engines ``names``; they connect to nothing yet.

    Args:
        settings: their endpoints, and the limits that hold for each host.
        names: those that are configured; see `docmill.engines.choice.configured`.
    """
    # Each is loaded where it is configured: most workers have none.
    hosts = HostLimits(settings.remote_concurrency, settings.remote_rate)
    opened: dict[str, RemoteEngine] = {}
    if LLM in names:
        from docmill.remote.llm.engine import LlmEngine  # noqa: PLC0415

        opened[LLM] = LlmEngine(settings, hosts)
    if LLAMACLOUD in names:
        from docmill.remote.llamacloud.engine import open_llamacloud  # noqa: PLC0415

        opened[LLAMACLOUD] = open_llamacloud(settings, hosts)
    return opened
