"""The remote engines of one worker: those whose endpoints the settings name."""

from docmill.engines.choice import LLAMACLOUD, LLM
from docmill.remote.base import RemoteEngine
from docmill.remote.politeness import Hosts
from docmill.settings import Settings


def open_engines(settings: Settings, names: tuple[str, ...]) -> dict[str, RemoteEngine]:
    """Return the remote engines ``names``; they connect to nothing yet.

    Args:
        settings: their endpoints, and the limits that hold for each host.
        names: those that are configured; see `docmill.engines.choice.configured`.
    """
    # Each is loaded where it is configured: most workers have none.
    hosts = Hosts(settings.remote_concurrency, settings.remote_rate)
    opened: dict[str, RemoteEngine] = {}
    if LLM in names:
        from docmill.remote.llm.engine import LlmEngine  # noqa: PLC0415

        opened[LLM] = LlmEngine(settings, hosts)
    if LLAMACLOUD in names:
        from docmill.remote.llamacloud.engine import open_llamacloud  # noqa: PLC0415

        opened[LLAMACLOUD] = open_llamacloud(settings, hosts)
    return opened
