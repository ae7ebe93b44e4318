"""Programs that are restarted when they end, as by the supervisor of an operator."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.fixtures.api import ROOT

AGAIN_SECONDS = 0.2
STOP_SECONDS = 30.0


class Kept:
    """One program.

    Attributes:
        log: everything that all its lives printed.
        codes: how each life ended; minus a signal's number.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        user: str | None = None,
        until: int | None = None,
    ) -> None:
        """Describe a program.

        Args:
            command: the program and its arguments, run from the root of the checkout.
            environment: its whole environment.
            log: where standard output and error go.
            user: whom it runs as; None is whoever runs the tests.
            until: the exit code after which it is not started again; None is never.
        """
        self._command = command
        self._environment = environment
        self._user = user
        self._until = until
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.log = log
        self.codes: list[int] = []

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    def start(self) -> None:
        """Start it, and keep it alive from now on."""
        self._task = asyncio.create_task(self._keep())

    async def done(self) -> None:
        """Wait until it ended with the exit code that is its last."""
        assert self._task is not None
        await asyncio.shield(self._task)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it as an operator does, and do not start it again."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()

    async def _keep(self) -> None:
        while True:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=ROOT,
                    env=dict(self._environment),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    user=self._user,
                )
            code = await self._process.wait()
            self.codes.append(code)
            if code == self._until:
                return
            await asyncio.sleep(AGAIN_SECONDS)


def plain_environment(**more: str) -> dict[str, str]:
    """The environment of the tests without settings of ours or of Temporal, and with ``more``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCMILL_", "TEMPORAL_"))}
    return {**kept, **more}
