"""The protocol of remote engines, their input, and the engines that the settings configure."""

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
    """The input of a remote engine for one attempt of an item.

    Attributes:
        task: product, document, parameters, and the folder for ``result.json``.
        run_id: id of the item's execution in this epoch, shared by all its attempts.
        item_id: the directory file's id.
        steps: saved steps of earlier attempts, which must not be paid for again.
        read: parses the document with the local engines in a child process, with parameters of
            ``parse_v2``; raises the errors of `EnginePool.run`.
    """

    task: EngineTask
    run_id: str
    item_id: str
    steps: Steps
    read: Callable[[dict[str, Any]], Awaitable[ParseResult]]


class RemoteEngine(Protocol):
    """Runs items on a remote service, many at the same time in one process.

    Attributes:
        name: in `docmill.engines.choice`.
        version: changes whenever the same file may give another result; it includes the model.
        reads_locally: whether it reads text with `RemoteJob.read`, so that its results also depend
            on the local engines.
    """

    name: str
    version: str
    reads_locally: bool

    async def run(self, job: RemoteJob) -> EngineReport:
        """Process one item, and write ``result.json`` and its other files to the output folder.

        Raises:
            ItemFailure: the item failed.
            UnavailableError: the service is unavailable or busy; the item is retried.
        """
        ...

    async def abandon(self, product: str, run_id: str, steps: Steps) -> bool:
        """Cancel the remote job of an item that has its outcome. It never raises.

        Returns:
            Whether nothing is left at the service, as far as known; otherwise it is called again.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def open_engines(
    settings: Settings, names: tuple[str, ...], hosts: HostLimits
) -> dict[str, RemoteEngine]:
    """Return the remote engines ``names``; they do not connect yet.

    Args:
        settings: their endpoints.
        names: of the configured engines; see `docmill.engines.choice.configured`.
        hosts: the limits of each host.
    """
    # Imported only if configured: most workers have none.
    opened: dict[str, RemoteEngine] = {}
    if LLM in names:
        from docmill.remote.llm.engine import LlmEngine  # noqa: PLC0415

        opened[LLM] = LlmEngine(settings, hosts)
    if LLAMACLOUD in names:
        from docmill.remote.llamacloud.engine import open_llamacloud  # noqa: PLC0415

        opened[LLAMACLOUD] = open_llamacloud(settings, hosts)
    return opened
