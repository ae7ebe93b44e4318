"""The remote engines of one worker: those whose endpoints the settings name."""

from collections.abc import Callable, Mapping

from docmill.remote.base import RemoteEngine
from docmill.remote.llamacloud.engine import LlamaCloudEngine, open_llamacloud
from docmill.remote.llm.engine import LlmEngine
from docmill.remote.politeness import Hosts
from docmill.settings import Settings

Opener = Callable[[Settings, Hosts], RemoteEngine]

_OPENERS: Mapping[str, Opener] = {
    LlmEngine.name: LlmEngine,
    LlamaCloudEngine.name: open_llamacloud,
}
"""How each engine that `docmill.choosing` knows is made."""


def open_engines(settings: Settings, names: tuple[str, ...]) -> dict[str, RemoteEngine]:
    """Return the remote engines ``names``; they connect to nothing yet.

    Args:
        settings: their endpoints, and the limits that hold for each host.
        names: those that are configured; see `docmill.choosing.configured`.
    """
    hosts = Hosts(settings.remote_concurrency, settings.remote_rate)
    return {name: _OPENERS[name](settings, hosts) for name in names if name in _OPENERS}
