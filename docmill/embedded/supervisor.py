"""Supervision of a home's process by a command."""

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
"""A process that ran this long is restarted without backoff."""
MAX_BACKOFF_SECONDS = 10.0
STOP_SECONDS = 20.0
"""Time limit of a stop: a worker needs a few seconds, more on a machine that swaps."""


class Supervisor:
    """Starts the process unless it already runs, and restarts it when it dies.

    The process runs in its own session, so that Ctrl-C in the terminal reaches only the command,
    which then stops it. Its standard input is a pipe that is closed when the command ends
    (`docmill.embedded.child.parent_exited`).

    Attributes:
        process: the supervised process, whoever started it.
        deaths: consecutive deaths of the process soon after its start.
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
            with suppress(
                UnavailableError
            ):  # another command was faster; the next poll finds its process
                await self._start_if_missing()
            started = clock()


def worker_environment(home: Home, address: str | None = None) -> dict[str, str]:
    """Return the environment of a process that runs on ``home``.

    Args:
        home: of the process.
        address: of the embedded server; a worker finds it as a member of the home.

    The C library gets two arenas, as for engine processes: with one for each of a worker's threads,
    freed memory that none of the others uses adds up.

    Settings for other Temporal servers (keys, TLS, namespaces) are omitted. An installed worker
    needs no ``PYTHONPATH``, because a script's own folder comes first unless ``PYTHONSAFEPATH`` is
    set.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("TEMPORAL_") and key not in ("PYTHONPATH", "PYTHONSAFEPATH")
    }
    return (
        {"MALLOC_ARENA_MAX": "2"}
        | kept
        | {"DOCMILL_HOME": str(home.root), "PYTHONUNBUFFERED": "1"}
        | ({} if address is None else {"TEMPORAL_ADDRESS": address})
        | ({} if IS_INSTALLED else {"PYTHONPATH": str(APPLICATION)})
    )
