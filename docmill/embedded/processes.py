"""Processes of a home, at most one of each kind."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from docmill.embedded.child import FAILED
from docmill.embedded.home import Home
from docmill.embedded.locks import FileLock
from docmill.errors import UnavailableError, bounded
from docmill.settings import MIB

POLL_SECONDS = 0.01
START_SECONDS = 1.0
"""Time for a process that has just ended to release its lock."""
KILL_SECONDS = 10.0
"""Time for the kernel to end a killed process, on a machine that swaps."""
MAX_LOG_BYTES = 20 * MIB
"""A larger log is rotated when its process is started."""

_LAST_LINE_BYTES = 4096

_WRITE_PID_THEN_EXEC = 'echo $$ > "$0"; exec "$@"'
"""The process writes its own pid into the lock file, and then becomes the program."""


class HomeProcess:
    """One kind of process of a home, such as its server or its worker.

    The process inherits a descriptor that holds a lock, which the kernel releases when the process
    ends. So its state is right despite stale pid files, reused pids and killed starters.
    """

    def __init__(self, home: Home, name: str) -> None:
        self._home = home
        self.name = name
        self._lock_path = home.lock(f"{name}-process")

    @property
    def log(self) -> Path:
        """The log file of the process."""
        return self._home.log(self.name)

    def alive(self) -> bool:
        """Whether a process of this kind runs, also if another program started it."""
        probe = FileLock(self._lock_path)
        free = probe.take(shared=True)
        probe.release()
        return not free

    def pid(self) -> int | None:
        """Return the pid of the running process, or None."""
        if not self.alive():
            return None
        with suppress(ValueError, OSError):
            return int(self._lock_path.read_text())
        return None

    async def spawn(
        self, command: Sequence[str], environment: Mapping[str, str], *, tied: bool = False
    ) -> None:
        """Start the process in its own session. The caller must hold a lock against other starters.

        Args:
            command: program and arguments.
            environment: the complete environment of the process.
            tied: its standard input is a pipe that is closed when this process ends.

        Raises:
            UnavailableError: a process of this kind already runs.
        """
        lock = FileLock(self._lock_path)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not lock.take():
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(f"Another {self.name} already runs on this home.")
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
                ["/bin/sh", "-c", _WRITE_PID_THEN_EXEC, str(self._lock_path), *command],
                env=dict(environment),
                stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(held,),
                start_new_session=True,
            )

    async def _known_pid(self) -> int | None:
        """Return the pid of the running process; wait for one that is being started."""
        while True:
            pid = self.pid()
            if pid is not None or not self.alive():
                return pid
            await asyncio.sleep(POLL_SECONDS)

    def failure(self) -> str | None:
        """Return why the process could not run, if it ended by itself; None if it was killed."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LAST_LINE_BYTES))
            *_, last = [b"", *log.read().splitlines()]
            text = last.decode("utf-8", "replace")
            return bounded(text.removeprefix(FAILED)) if text.startswith(FAILED) else None
        return None

    async def stop(self, grace: float) -> None:
        """Stop the process: SIGTERM, and SIGKILL after ``grace`` seconds.

        A process that another command starts in the meantime is not stopped.
        """
        await self._end((signal.SIGTERM, grace), (signal.SIGKILL, KILL_SECONDS))

    async def kill(self) -> None:
        """Kill the process; it must be safe to kill."""
        await self._end((signal.SIGKILL, KILL_SECONDS))

    async def _end(self, *signals: tuple[signal.Signals, float]) -> None:
        """Send the signals in turn until the process has ended, each with its time limit."""
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
            seconds: time limit.
            pid: of the process; None means any process of this kind.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while self.alive() if pid is None else self.pid() == pid:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Wait for the end of ``child``, and close the pipe to it."""
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
