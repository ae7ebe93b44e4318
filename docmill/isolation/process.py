"""A child process seen from its parent: started, spoken to, ended with all it started."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from docmill.isolation import frames
from docmill.isolation.environment import child_environment
from docmill.isolation.families import kill_family
from docmill.isolation.private_folder import TEMPORARY, PrivateFolder
from docmill.isolation.process_guard import Guard
from docmill.isolation.verdicts import Death, peak_bytes

END_SECONDS = 5.0
"""A killed process is gone in milliseconds, unless the kernel itself holds it."""
_LAST_WORDS = 8 * 1024
"""Bytes of standard error that are kept."""
_LAST_WORDS_SECONDS = 1.0
"""For the end of standard error to arrive, when something that escaped holds it open."""


class ChildProcess:
    """One ``python -m docmill.isolation.child``, in a session and a folder of its own.

    Attributes:
        pid: its process id, and that of its group and session.
        folder: what it shares with this process.
        ended: how it ended, once it is reaped and all it started is gone.
        inherited_peak: bytes of memory that the kernel counts as its own from before its start.
    """

    def __init__(self, engines: str, guard: Guard, folder: Path) -> None:
        """Start the process, in the event loop's thread; ``folder`` is removed with it.

        The kernel's promise to kill a child with its parent holds for the thread that started
        it: the loop's thread lives as long as the worker.
        """
        self.folder = PrivateFolder(folder)
        self._popen = _spawn(self.folder, engines)
        self.pid = self._popen.pid
        self._guard = guard
        guard.add(self.pid, str(folder))
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Death] = self._loop.create_future()
        self._killed = False
        self.inherited_peak = 0
        self._reaping = threading.Lock()
        self._last_words = _LastWords(self._loop.create_future())
        self._answers = asyncio.StreamReader()
        self._transports: list[asyncio.BaseTransport] = []
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    async def connect(self) -> None:
        """Connect its pipes to the event loop; needed once, before anything is said."""
        loop, popen = self._loop, self._popen
        protocol = asyncio.StreamReaderProtocol(self._answers)
        self._requests, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, popen.stdin)
        answers, _ = await loop.connect_read_pipe(lambda: protocol, popen.stdout)
        words, _ = await loop.connect_read_pipe(lambda: self._last_words, popen.stderr)
        self._transports += [self._requests, answers, words]

    @property
    def usable(self) -> bool:
        """Whether it can be spoken to."""
        return not self._killed and not self.ended.done()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to standard error, for a log."""
        return self._last_words.kept.decode("utf-8", "replace")

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
        """Kill the process and its group; `end` also waits."""
        self._killed = True
        with self._reaping:
            if self._popen.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the process with all it started, and wait until it is gone."""
        self.kill()
        await asyncio.wait([self.ended], timeout=END_SECONDS)

    def _reap(self) -> None:
        """Wait for the process, in a thread of its own; end its family; tell the loop."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            # Still unreaped: the group's id cannot belong to anyone else yet.
            kill_family(self.pid, str(self.folder.path))
        with self._reaping:
            _, status, usage = os.wait4(self.pid, 0)
            self._popen.returncode = os.waitstatus_to_exitcode(status)
        self.folder.close()
        self._guard.remove(self.pid)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            peak = peak_bytes(usage.ru_maxrss)
            self._loop.call_soon_threadsafe(self._start_finishing, peak)

    def _start_finishing(self, peak: int) -> None:
        self._finishing = self._loop.create_task(self._finish(peak))

    async def _finish(self, peak: int) -> None:
        await asyncio.wait([self._last_words.complete], timeout=_LAST_WORDS_SECONDS)
        for transport in self._transports:
            transport.close()
        self._killed = True
        own_peak = peak if peak > self.inherited_peak else 0
        words = bytes(self._last_words.kept)
        self.ended.set_result(Death(self._popen.returncode, own_peak, words))


def _spawn(folder: PrivateFolder, engines: str) -> subprocess.Popen[bytes]:
    temporary = str(folder.path / TEMPORARY)
    program = [sys.executable, "-P", "-m", "docmill.isolation.child", str(os.getpid()), engines]
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, and no shell
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=child_environment(temporary),
            cwd=temporary,
        )
    except OSError:
        folder.close()
        raise


class _LastWords(asyncio.Protocol):
    """Keeps the end of a stream, and knows when it is over."""

    def __init__(self, complete: asyncio.Future[None]) -> None:
        self.kept = bytearray()
        self.complete = complete

    def data_received(self, data: bytes) -> None:
        """Take what came, and forget what is too long ago."""
        self.kept += data
        del self.kept[:-_LAST_WORDS]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        if not self.complete.done():
            self.complete.set_result(None)
