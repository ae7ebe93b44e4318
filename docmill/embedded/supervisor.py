"""Keeps one process of a kind alive on a home for as long as a command runs."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from docmill.embedded.home import Home
from docmill.embedded.locks import exclusive
from docmill.embedded.processes import HomeProcess
from docmill.errors import UnavailableError
from docmill.settings import APPLICATION, IS_INSTALLED

POLL_SECONDS = 0.2
STABLE_SECONDS = 30.0
"""A process that lived this long starts with a fresh backoff when it dies."""
MAX_BACKOFF_SECONDS = 10.0
STOP_SECONDS = 20.0
"""A worker hands its items back in a few seconds; this is for a machine that swaps."""


class Supervisor:
    """Starts the process unless the home has a live one, and starts it again when it dies.

    The process runs in a session of its own, so that Ctrl-C in the terminal reaches only the
    command, which then stops it in order. Its standard input is a pipe that ends when the
    command dies, however it dies (`docmill.embedded.child.parent_exited`).

    Attributes:
        process: the one that is kept alive, whoever started it.
        deaths: how often in a row our own process died soon after its start.
    """

    def __init__(
        self,
        home: Home,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_death: Callable[[int], None] | None = None,
    ) -> None:
        self.process = HomeProcess(home, name)
        self.deaths = 0
        self._mutex = home.lock(f"{name}-start")
        self._command = tuple(command)
        self._environment = environment
        self._on_death = on_death
        self._owned = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Supervisor":
        await self._start_if_missing()
        self._task = asyncio.create_task(self._keep_alive())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._owned:
            await self.process.stop(STOP_SECONDS)

    async def _start_if_missing(self) -> None:
        async with exclusive(self._mutex):
            if self.process.alive():
                self._owned = False
                return
            await self.process.spawn(self._command, self._environment, tied=True)
            self._owned = True

    async def _keep_alive(self) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self.process.alive():
                continue
            if self._owned:
                self.deaths = 1 if clock() - started > STABLE_SECONDS else self.deaths + 1
                if self._on_death:
                    self._on_death(self.deaths)
                await asyncio.sleep(min(0.25 * 2**self.deaths, MAX_BACKOFF_SECONDS))
            with suppress(UnavailableError):  # somebody else was quicker; the next look tells
                await self._start_if_missing()
            started = clock()


def worker_environment(home: Home, address: str | None = None) -> dict[str, str]:
    """Return the environment of a process that serves ``home``.

    Args:
        home: where it works.
        address: of the embedded server; a worker, which is its member, finds it by itself.

    Settings that the user made for other Temporal servers (keys, TLS, namespaces) are left out.
    An installed worker needs no ``PYTHONPATH``: a script's own folder comes first, unless
    ``PYTHONSAFEPATH`` forbids that.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("TEMPORAL_") and key not in ("PYTHONPATH", "PYTHONSAFEPATH")
    }
    return (
        kept
        | {"DOCMILL_HOME": str(home.root), "PYTHONUNBUFFERED": "1"}
        | ({} if address is None else {"TEMPORAL_ADDRESS": address})
        | ({} if IS_INSTALLED else {"PYTHONPATH": str(APPLICATION)})
    )
