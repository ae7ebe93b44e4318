"""The worker's side of the fork server: starts it, requests forks, and is notified of ends."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import structlog

from docmill.engines.base import Profile
from docmill.errors import UnavailableError, bounded
from docmill.isolation import frames, trees
from docmill.isolation.environment import child_environment
from docmill.isolation.families import kill_marked
from docmill.isolation.limits import ANY_PARENT
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.bubblewrap import wrapped
from docmill.isolation.stderr_tail import StderrTail

START_SECONDS = 60.0
"""Time to start Python and import the engines on a loaded machine."""
END_SECONDS = 5.0
"""A killed process is gone in milliseconds, unless the kernel blocks it."""
_READ = 64 * 1024
_KILLED = -9

log = structlog.get_logger(__name__)


class Forked(Protocol):
    """Receiver of events of a forked process."""

    def forked(self, pid: int) -> None:
        """The process runs."""

    def finished(self, code: int, peak: int) -> None:
        """The process and its descendants have ended; see `exits.ProcessExit`."""


class ForkServerProcess:
    """A process ``python -m docmill.isolation.fork_server`` with its own session and folder.

    Attributes:
        pid: its process id.
        profiles: profiles of its engines, known once it is ready.
    """

    def __init__(
        self, engines: str, guard: Guard, folder: Path, *, bubblewrap: bool = False
    ) -> None:
        """Start the process in the event loop's thread.

        The kernel kills a process together with the thread that started it: the loop's thread lives
        as long as the worker.

        Args:
            engines: see `EnginePool`.
            guard: outlives the worker, and kills what it leaves.
            folder: of the process; deleted with it.
            bubblewrap: whether it runs in namespaces of its own.
        """
        self.folder = folder
        self.profiles: frozenset[Profile] = frozenset()
        self._loop = asyncio.get_running_loop()
        self._guard = guard
        self._socket, its_end = socket.socketpair()
        self._socket.setblocking(False)
        with its_end:
            self._popen = _spawn(folder, engines, its_end, bubblewrap=bubblewrap)
        self.pid = self._popen.pid
        guard.add(self.pid, str(folder))
        self._tokens = count(1)
        self._waiting: dict[int, Forked] = {}
        self._received = frames.Decoder()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._stderr = StderrTail(self._loop.create_future())
        self._loop.add_reader(self._socket, self._read)
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    @property
    def usable(self) -> bool:
        """Whether it accepts requests."""
        return not self.gone.done() and self._socket.fileno() >= 0

    @property
    def first_profile(self) -> Profile:
        """The profile of a process whose documents are not known yet."""
        if self.profiles == {Profile.PROGRAMS}:
            return Profile.PROGRAMS
        return Profile.STRICT

    async def start(self) -> None:
        """Wait until it is ready.

        Raises:
            UnavailableError: it cannot start; no file caused it.
        """
        await self._loop.connect_read_pipe(lambda: self._stderr, self._popen.stderr)
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await asyncio.wait([self._ready, self.gone], return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            await self.close()
            log.error("engine.process_not_started", stderr=bounded(self._stderr.text))
            raise UnavailableError(
                "The engine's process could not be started.",
                "See the worker's log for Python's error.",
            )

    def fork(self, message: dict[str, Any], descriptors: Sequence[int], process: Forked) -> int:
        """Request a fork; return the token of the process for `kill`.

        Args:
            message: settings of the process; see `docmill.isolation.fork_server`.
            descriptors: descriptors of requests, answers and standard error.
            process: receives the events of the process.

        Raises:
            UnavailableError: the fork server is gone.
        """
        token = next(self._tokens)
        self._waiting[token] = process
        if not self._send({"fork": token, **message}, descriptors):
            del self._waiting[token]
            raise UnavailableError(
                "The fork server of engine processes has ended.", "Another one will be started."
            )
        return token

    def kill(self, token: int) -> None:
        """Kill the process of ``token`` with its descendants; no effect if it is gone."""
        if token in self._waiting:
            self._send({"kill": token}, [])

    async def close(self) -> None:
        """End the server and all processes that it forked."""
        self._hang_up()
        await asyncio.wait([self.gone], timeout=END_SECONDS)
        if not self.gone.done():
            self._popen.kill()
            await asyncio.wait([self.gone], timeout=END_SECONDS)

    def _send(self, message: dict[str, Any], descriptors: Sequence[int]) -> bool:
        data = frames.pack(message)
        try:
            # A few hundred bytes, read at once: the socket has room for hundreds of them.
            return socket.send_fds(self._socket, [data], list(descriptors)) == len(data)
        except (OSError, ValueError):
            return False

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        for frame in self._received.feed(data):
            self._hear(frame.message)

    def _hear(self, message: dict[str, Any]) -> None:
        if "profiles" in message:
            self.profiles = frozenset(map(Profile, message["profiles"]))
            self._ready.set_result(None)
        elif "forked" in message:
            self._waiting[message["forked"]].forked(message["pid"])
        else:
            self._waiting.pop(message["ended"]).finished(message["code"], message["peak"])

    def _hang_up(self) -> None:
        """Close the socket: the server exits, and the kernel kills the forked processes."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _reap(self) -> None:
        """Wait for the server in a separate thread, and kill its remaining processes."""
        self._popen.wait()
        kill_marked(str(self.folder))
        trees.remove(self.folder)
        self._guard.remove(self.pid)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._lost)

    def _lost(self) -> None:
        self._hang_up()
        waiting, self._waiting = self._waiting, {}
        for process in waiting.values():
            process.finished(_KILLED, 0)
        self.gone.set_result(None)


def _spawn(
    folder: Path, engines: str, its_end: socket.socket, *, bubblewrap: bool
) -> subprocess.Popen[bytes]:
    parent = ANY_PARENT if bubblewrap else os.getpid()
    module = "docmill.isolation.fork_server"
    command = [sys.executable, "-P", "-m", module, str(parent), engines]
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, and no shell
            wrapped(command, folder) if bubblewrap else command,
            stdin=its_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=child_environment(str(folder)),
            cwd=folder,
        )
    except OSError:
        trees.remove(folder)
        raise
