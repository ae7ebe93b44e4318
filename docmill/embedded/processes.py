"""Processes of which a home has at most one of a kind, and that outlive nobody by mistake."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from docmill.embedded.home import Home
from docmill.embedded.locks import FileLock
from docmill.errors import UnavailableError
from docmill.settings import MIB

POLL_SECONDS = 0.01
START_SECONDS = 1.0
"""For one that has just ended to let its lock go."""
KILL_SECONDS = 10.0
"""For the kernel to end a killed process, on a machine that swaps."""
MAX_LOG_BYTES = 20 * MIB
"""A log that has grown beyond this is put aside when its process is started again."""

_WRITE_PID_THEN_BECOME = 'echo $$ > "$0"; exec "$@"'
"""The process writes its own pid, so that no moment exists in which a held lock has none."""


class HomeProcess:
    """One kind of process of a home, such as its server or its worker.

    The process inherits a descriptor that holds a lock, and the kernel frees that lock when the
    process ends. So a stale pid file, a reused pid or a killed starter cannot fool anybody.
    """

    def __init__(self, home: Home, name: str) -> None:
        self._home = home
        self.name = name
        self._lock_path = home.lock(f"{name}-process")

    @property
    def log(self) -> Path:
        """Where the process's output goes."""
        return self._home.log(self.name)

    def alive(self) -> bool:
        """Whether such a process runs, whoever started it."""
        probe = FileLock(self._lock_path)
        free = probe.take(shared=True)
        probe.release()
        return not free

    def pid(self) -> int | None:
        """Return the pid of the live process, or None."""
        if not self.alive():
            return None
        with suppress(ValueError, OSError):
            return int(self._lock_path.read_text())
        return None

    async def spawn(
        self, command: Sequence[str], environment: Mapping[str, str], *, tied: bool = False
    ) -> None:
        """Start the process in a session of its own; the caller excludes other starters.

        Args:
            command: program and arguments.
            environment: the whole environment of the process.
            tied: give it a pipe as standard input that ends when this process dies.

        Raises:
            UnavailableError: a process of this kind lives already.
        """
        lock = FileLock(self._lock_path)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not lock.take():
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(f"Another {self.name} runs on this home already.")
            await asyncio.sleep(POLL_SECONDS)
        try:
            os.ftruncate(lock.fileno(), 0)
            child = self._popen(command, environment, lock.fileno(), tied)
        finally:
            lock.release()
        threading.Thread(target=_reap, args=(child,), daemon=True).start()
        await self._known_pid()

    def _popen(
        self, command: Sequence[str], environment: Mapping[str, str], held: int, tied: bool
    ) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own programs, no shell text from outside
                ["/bin/sh", "-c", _WRITE_PID_THEN_BECOME, str(self._lock_path), *command],
                env=dict(environment),
                stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(held,),
                start_new_session=True,
            )

    async def _known_pid(self) -> int | None:
        """The pid of the live process; waits for one that is just being started."""
        while True:
            pid = self.pid()
            if pid is not None or not self.alive():
                return pid
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self, grace: float) -> None:
        """End the process: SIGTERM, and SIGKILL after ``grace`` seconds.

        Another command may start one in its place at once: that one is left alone.
        """
        await self._end((signal.SIGTERM, grace), (signal.SIGKILL, KILL_SECONDS))

    async def kill(self) -> None:
        """End the process at once; it must be one that loses nothing by that."""
        await self._end((signal.SIGKILL, KILL_SECONDS))

    async def _end(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send one signal after the other until the process is gone, each with its patience."""
        pid = await self._known_pid()
        if pid is None:
            return
        for number, seconds in signals:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if await self.gone(seconds, pid):
                return

    async def gone(self, seconds: float, pid: int | None = None) -> bool:
        """Wait up to ``seconds`` for the process to end; return whether it did.

        Args:
            seconds: how long.
            pid: of the process that is meant; None means any of this kind.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while self.alive() if pid is None else self.pid() == pid:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Wait for the end of ``child``, whoever causes it, and close our end of its pipe."""
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
