"""Engine process as seen from its worker: fork, messages, and termination."""

import asyncio
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.engines.base import Profile
from docmill.isolation import frames
from docmill.isolation.exits import ProcessExit
from docmill.isolation.private_folder import PrivateFolder
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.confinement import Level
from docmill.isolation.server_process import END_SECONDS, ForkServerProcess
from docmill.isolation.stderr_tail import StderrTail

_STDERR_SECONDS = 1.0
"""Maximum wait for the end of standard error, which an escaped process may hold open."""
_MAX_UNREAD = 16
"""Messages after which reading pauses. An honest process sends four for a task."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Owner and limits of a process for its whole life.

    Attributes:
        project: project whose documents it reads; never another's.
        profile: profile of the engines that it may run.
        memory_bytes: limit of the address space.
        output_bytes: size of the largest output file.
    """

    project: str
    profile: Profile
    memory_bytes: int
    output_bytes: int


class ChildProcess:
    """A process of the fork server, with its own session and folder.

    Attributes:
        pid: its id as process, group and session; 0 until it runs.
        tenancy: its owner and limits.
        folder: folder shared with this process.
        ended: how it ended, once it is reaped and its descendants are gone.
        inherited_peak: peak memory that the kernel attributes to it from before its start.
    """

    def __init__(
        self, server: ForkServerProcess, guard: Guard, tenancy: Tenancy, level: Level
    ) -> None:
        """Request the fork of a process.

        Raises:
            UnavailableError: the fork server is gone.
        """
        self.pid = 0
        self.tenancy = tenancy
        self.inherited_peak = 0
        self._server = server
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[ProcessExit] = self._loop.create_future()
        self._killed = False
        self._stderr = StderrTail(self._loop.create_future())
        self._answers = _Answers()
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
        """Connect its pipes to the event loop, once, before the first message."""
        loop = self._loop
        requests, answers, errors = (
            os.fdopen(end, mode, buffering=0)
            for end, mode in zip(self._own_ends, ("wb", "rb", "rb"), strict=True)
        )
        self._own_ends = ()
        self._requests, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, requests)
        read, _ = await loop.connect_read_pipe(lambda: self._answers, answers)
        words, _ = await loop.connect_read_pipe(lambda: self._stderr, errors)
        self._transports += [self._requests, read, words]

    @property
    def usable(self) -> bool:
        """Whether messages can be sent to it."""
        return not self._killed and not self.ended.done()

    @property
    def stderr_tail(self) -> str:
        """The end of its standard error, for a log."""
        return self._stderr.text

    def forget_stderr(self) -> None:
        """Discard its previous standard error, which is unrelated to the next task."""
        self._stderr.kept.clear()

    def send(self, message: dict[str, Any], data: bytes = b"") -> None:
        """Send a message with the bytes of small files; a dead process shows by its silence.

        Raises:
            FrameError: the message is too long.
        """
        self._requests.write(frames.pack(message, data))

    async def receive(self) -> frames.Frame:
        """Return its next message.

        Raises:
            EOFError: it closed its pipe, most likely because it died.
            FrameError: it sent no valid message.
        """
        return await self._answers.next()

    def kill(self) -> None:
        """Kill the process and its descendants, without waiting; see `end`."""
        self._killed = True
        self._server.kill(self._token)

    async def end(self) -> None:
        """Kill the process and its descendants, and wait until they are gone."""
        self.kill()
        await asyncio.wait([self.ended], timeout=END_SECONDS)

    def forked(self, pid: int) -> None:
        """The fork server forked it."""
        self.pid = pid
        self._guard.add(pid, str(self.folder.path))

    def finished(self, code: int, peak: int) -> None:
        """The fork server reaped it, or is gone."""
        self._killed = True
        self._finishing = self._loop.create_task(self._finish(code, peak))

    async def _finish(self, code: int, peak: int) -> None:
        if self._transports:
            await asyncio.wait([self._stderr.complete], timeout=_STDERR_SECONDS)
        for transport in self._transports:
            transport.close()
        self._close_pipes()
        await asyncio.to_thread(self.folder.close)
        self._guard.remove(self.pid)
        own_peak = peak if peak > self.inherited_peak else 0
        self.ended.set_result(ProcessExit(code, own_peak, bytes(self._stderr.kept)))

    def _close_pipes(self) -> None:
        for end in self._own_ends:
            with suppress(OSError):
                os.close(end)
        self._own_ends = ()


class _Answers(asyncio.Protocol):
    """Messages from the pipe of a process, which may send any bytes."""

    def __init__(self) -> None:
        self._decoder = frames.Decoder()
        self._frames: deque[frames.Frame] = deque()
        self._end: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.ReadTransport | None = None

    async def next(self) -> frames.Frame:
        """Return the next message; only one task may wait for it.

        Raises:
            EOFError: the pipe is closed.
            FrameError: the process sent no valid message.
        """
        while not self._frames:
            if self._end is not None:
                raise self._end
            if self._transport is not None:
                self._transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._frames.popleft()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport, which is paused while messages are unread."""
        assert isinstance(transport, asyncio.ReadTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Decode messages. A process cannot fill the memory: at most one read is buffered."""
        if self._end is not None:
            return
        try:
            self._frames += self._decoder.feed(data)
        except frames.FrameError as error:
            self._end = error
        if len(self._frames) > _MAX_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the messages."""
        self._end = self._end or EOFError("The process closed its pipe.")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _new_folder(parent: Path) -> Path:
    path = parent / os.urandom(8).hex()
    path.mkdir(mode=0o700)
    return path


def _pipes() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return this process's ends of three pipes, and the other ends."""
    requests, answers, errors = os.pipe(), os.pipe(), os.pipe()
    return (requests[1], answers[0], errors[0]), (requests[0], answers[1], errors[1])
