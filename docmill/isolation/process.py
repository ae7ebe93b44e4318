"""An engine process seen from its worker: forked, spoken to, ended with all it started."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.engines.base import Profile
from docmill.isolation import frames
from docmill.isolation.last_words import LastWords
from docmill.isolation.private_folder import PrivateFolder
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.confinement import Level
from docmill.isolation.server_process import END_SECONDS, ForkServerProcess
from docmill.isolation.verdicts import Death

_LAST_WORDS_SECONDS = 1.0
"""For the end of standard error to arrive, when something that escaped holds it open."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whom a process serves, and under which limits, for its whole life.

    Attributes:
        project: whose documents it reads; never another's.
        profile: of the engines that it may run.
        memory_bytes: limit of its address space.
        output_bytes: size of the largest file that it may write.
    """

    project: str
    profile: Profile
    memory_bytes: int
    output_bytes: int


class ChildProcess:
    """One process that the fork server made, in a session and a folder of its own.

    Attributes:
        pid: its process id, and that of its group and session; 0 until it runs.
        tenancy: whom it serves.
        folder: what it shares with this process.
        ended: how it ended, once it is reaped and all it started is gone.
        inherited_peak: bytes of memory that the kernel counts as its own from before its start.
    """

    def __init__(
        self, server: ForkServerProcess, guard: Guard, tenancy: Tenancy, level: Level
    ) -> None:
        """Have the process forked.

        Raises:
            UnavailableError: the server is gone.
        """
        self.pid = 0
        self.tenancy = tenancy
        self.inherited_peak = 0
        self._server = server
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Death] = self._loop.create_future()
        self._killed = False
        self._last_words = LastWords(self._loop.create_future())
        self._answers = asyncio.StreamReader()
        self._transports: list[asyncio.BaseTransport] = []
        self.folder = PrivateFolder(_new_folder(server.folder))
        self._own_ends, its_ends = _pipes()
        message = {
            "folder": str(self.folder.path),
            "level": level,
            "profile": tenancy.profile,
            "memory_bytes": tenancy.memory_bytes,
            "output_bytes": tenancy.output_bytes,
        }
        try:
            self._token = server.fork(message, its_ends, self)
        except BaseException:
            self._close_pipes()
            self.folder.close()
            raise
        finally:
            for end in its_ends:
                os.close(end)

    async def connect(self) -> None:
        """Connect its pipes to the event loop; needed once, before anything is said."""
        loop = self._loop
        protocol = asyncio.StreamReaderProtocol(self._answers)
        requests, answers, errors = (
            os.fdopen(end, mode, buffering=0)
            for end, mode in zip(self._own_ends, ("wb", "rb", "rb"), strict=True)
        )
        self._own_ends = ()
        self._requests, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, requests)
        read, _ = await loop.connect_read_pipe(lambda: protocol, answers)
        words, _ = await loop.connect_read_pipe(lambda: self._last_words, errors)
        self._transports += [self._requests, read, words]

    @property
    def usable(self) -> bool:
        """Whether it can be spoken to."""
        return not self._killed and not self.ended.done()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to standard error, for a log."""
        return self._last_words.text

    def forget_last_words(self) -> None:
        """Drop what it wrote so far: it says nothing about what comes."""
        self._last_words.kept.clear()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; a dead process is noticed when it does not answer.

        Raises:
            FrameError: the message is too long.
        """
        self._requests.write(frames.pack(message))

    async def receive(self) -> dict[str, Any]:
        """Return its next message.

        Raises:
            asyncio.IncompleteReadError: it closed its pipe; most likely it died.
            FrameError: what it sent is no message.
        """
        header = await self._answers.readexactly(frames.HEADER.size)
        return frames.unpack(await self._answers.readexactly(frames.body_length(header)))

    def kill(self) -> None:
        """Kill the process and all it started; `end` also waits."""
        self._killed = True
        self._server.kill(self._token)

    async def end(self) -> None:
        """Kill the process with all it started, and wait until it is gone."""
        self.kill()
        await asyncio.wait([self.ended], timeout=END_SECONDS)

    def forked(self, pid: int) -> None:
        """The server forked it."""
        self.pid = pid
        self._guard.add(pid, str(self.folder.path))

    def finished(self, code: int, peak: int) -> None:
        """The server reaped it, or is gone itself."""
        self._killed = True
        self._finishing = self._loop.create_task(self._finish(code, peak))

    async def _finish(self, code: int, peak: int) -> None:
        if self._transports:
            await asyncio.wait([self._last_words.complete], timeout=_LAST_WORDS_SECONDS)
        for transport in self._transports:
            transport.close()
        self._close_pipes()
        await asyncio.to_thread(self.folder.close)
        self._guard.remove(self.pid)
        own_peak = peak if peak > self.inherited_peak else 0
        self.ended.set_result(Death(code, own_peak, bytes(self._last_words.kept)))

    def _close_pipes(self) -> None:
        for end in self._own_ends:
            with suppress(OSError):
                os.close(end)
        self._own_ends = ()


def _new_folder(parent: Path) -> Path:
    path = parent / os.urandom(8).hex()
    path.mkdir(mode=0o700)
    return path


def _pipes() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return this process's ends of three pipes, and those of the other one."""
    requests, answers, errors = os.pipe(), os.pipe(), os.pipe()
    return (requests[1], answers[0], errors[0]), (requests[0], answers[1], errors[1])
