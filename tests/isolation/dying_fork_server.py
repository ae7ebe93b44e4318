"""Engines whose first fork server is killed between the fork of a process and its report.

A fork server gets no argument and no setting, so it marks its death beside its folder.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from docmill.engines.registry import Registry
from docmill.testing import mock_engine

MODULE = f"{__name__}:registry"
MARK = "killed"
"""Name of the file with the id of the process that was forked and not reported."""


def registry() -> Registry:
    """Return the mock engine; the fork server that loads it first is killed."""
    server: Any = sys.modules["__main__"].ForkServer
    say = server._say

    def say_or_die(self: object, message: dict[str, Any]) -> None:
        mark = Path.cwd().parent / MARK
        if "forked" in message and not mark.exists():
            mark.write_text(str(message["pid"]))
            os.kill(os.getpid(), signal.SIGKILL)
        say(self, message)

    server._say = say_or_die
    return mock_engine.registry()
