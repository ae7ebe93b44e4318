"""A pool of engine processes, each for one task at a time."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from docmill.engines.base import EngineReport, EngineTask, Profile
from docmill.errors import FailureClass, ItemFailure, UnavailableError
from docmill.isolation.engine_process import EngineProcess, NotStartedError, OtherProfileError
from docmill.isolation.pace import Pace
from docmill.isolation.process import Tenancy
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.confinement import Confinement, Mode, Reuse, available
from docmill.isolation.server_process import ForkServerProcess
from docmill.isolation.turns import Turns

BUILTIN_ENGINES = "docmill.engines.registry:builtin"
GROWTH_BYTES = 256 * 1024 * 1024
"""Memory that a process may have more than at its start, before it is replaced: the memory of an
engine does not shrink after a large file, and the next file has what is left of the limit.

Measured: 50 MiB after hundreds of small PDFs, 200 to 260 after long ones, OCR and sheets of
100,000 cells, however many files follow. What lies above that is a leak, or a bomb's remains.
"""

_STARTS = 3
"""Processes that are tried for one task, when they die before they begin with it."""


@dataclass(slots=True, eq=False)
class _Turn:
    """A turn that was taken before its task.

    Attributes:
        pool: whose.
        spent: whether a task has it.
    """

    pool: "EnginePool"
    spent: bool = False


_turn: ContextVar[_Turn | None] = ContextVar("turn", default=None)
"""The turn of whoever runs now, also of tasks that it starts: only one of them gets it."""


class EnginePool:
    """Runs engines in supervised child processes.

    A process is started when it is first needed, killed with everything it started on timeout,
    cancellation or garbage, and replaced after it died or when its memory has grown. All calls
    belong to one event loop, whose thread must live as long as the pool.

    Attributes:
        children: processes, and so tasks that run at the same time; more wait.
    """

    def __init__(
        self,
        children: int,
        *,
        growth_bytes: int = GROWTH_BYTES,
        engines: str = BUILTIN_ENGINES,
        new_folder: Callable[[], Path] | None = None,
        confinement: Confinement | None = None,
        reuse: Reuse = Reuse.GROUP,
    ) -> None:
        """Make a pool; it starts nothing yet.

        Args:
            children: processes, at least 1.
            growth_bytes: a process is replaced when its memory has grown by this.
            engines: ``module:function ARGUMENT …``, which returns the `Registry` inside the
                children; arguments are words, for a child's environment holds no settings.
            new_folder: makes the folder in which children get theirs; by default in the system's
                place for temporary files.
            confinement: how far children are confined; None is the most that this machine has.
            reuse: how many documents of a project one child may read.
        """
        self.children = children
        self._growth_bytes = growth_bytes
        self._engines = engines
        self._new_folder = new_folder or _temporary_folder
        self._guard = Guard()
        self._pace = Pace(children)
        self._turns = Turns(lambda: children + self._pace.ahead())
        self._free = asyncio.Semaphore(children)
        self._idle: list[EngineProcess] = []
        self._confinement = confinement or available(Mode.PREFER)
        self._reuse = reuse
        self._server: asyncio.Task[ForkServerProcess] | None = None
        self._processes: set[EngineProcess] = set()
        self._closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the children that can work."""
        return frozenset(one.pid for one in self._processes if one.usable and one.pid)

    @property
    def guard_pid(self) -> int | None:
        """Process id of the guard, which outlives the worker by a moment."""
        return self._guard.pid

    async def start(self) -> None:
        """Start the guard; children follow when they are needed."""
        self._guard.start()

    def prepare(self) -> None:
        """Start the server that forks children, so that the first one is there in milliseconds.

        One that cannot be started is no trouble yet: whoever needs it starts it again.
        """
        if self._server is None and not self._closed:
            self._server = asyncio.create_task(self._start_server())
            self._server.add_done_callback(self._drop_failed)

    async def close(self) -> None:
        """Kill all children and wait until they are gone; running tasks end as unavailable."""
        self._closed = True
        await asyncio.gather(*(process.end() for process in self._processes))
        self._idle.clear()
        if starting := self._server:
            starting.cancel()
            for server in await asyncio.gather(starting, return_exceptions=True):
                if isinstance(server, ForkServerProcess):
                    await server.close()
        await self._guard.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def run(
        self,
        task: EngineTask,
        *,
        project: str = "",
        within: float | None = None,
        on_started: Callable[[], None] | None = None,
    ) -> EngineReport:
        """Run ``task`` in a child, as soon as one is free and it is the project's turn.

        Free children go to the waiting projects in turn, and inside a project to its tasks in
        their order. Cancelling the caller kills the child. The wall clock of the task's limits
        runs from when a child has it.

        Args:
            task: what to run; its output folder holds result files once this returns.
            project: whose task it is.
            within: seconds to wait for a child at most; None waits for as long as it takes.
            on_started: called when the child begins.

        Raises:
            ItemFailure: the engine's own failure, or TIMEOUT, OUT_OF_MEMORY, CRASHED.
            UnavailableError: no child was free in time, the pool is closed, or no process can be
                started.
        """
        held = _turn.get()
        if held is not None and held.pool is self and not held.spent:
            held.spent = True
        else:
            await self._take_turn(project, within)
        try:
            async with self._free:
                with self._pace.task():
                    return await self._run(task, project, on_started)
        finally:
            self._turns.give_back()

    @asynccontextmanager
    async def turn(self, project: str, *, within: float | None = None) -> AsyncIterator[None]:
        """Wait for the project's turn already, to prepare a task for which a child is free.

        The first `run` inside the block uses this turn, and ends it. While tasks are short, a few
        turns are given before a child is free, so that none idles while the next task is prepared.

        Args:
            project: whose turn it is.
            within: seconds to wait at most; None waits for as long as it takes.

        Raises:
            UnavailableError: it was not the project's turn in time.
        """
        await self._take_turn(project, within)
        turn = _Turn(self)
        token = _turn.set(turn)
        try:
            yield
        finally:
            _turn.reset(token)
            if not turn.spent:
                self._turns.give_back()

    async def _take_turn(self, project: str, within: float | None) -> None:
        try:
            async with asyncio.timeout(within):
                await self._turns.take(project)
        except TimeoutError:
            raise UnavailableError(
                f"No engine process was free for {within:g} seconds.",
                "The task is tried again; more workers, or more DOCMILL_ENGINE_SLOTS, help.",
            ) from None

    async def _run(
        self, task: EngineTask, project: str, on_started: Callable[[], None] | None
    ) -> EngineReport:
        profile: Profile | None = None
        for _ in range(_STARTS):
            process = await self._take(task, project, profile)
            try:
                return await process.run(task, on_started)
            except NotStartedError:
                continue
            except OtherProfileError as other:
                profile = await self._accepted(other.profile, before=profile)
            except ItemFailure:
                self._refuse_when_closed()
                raise
            finally:
                self._give_back(process)
        self._refuse_when_closed()
        raise UnavailableError(
            f"{_STARTS} engine processes died before they began.",
            "Something kills them from outside: see the system's log.",
        )

    async def _accepted(self, profile: Profile, before: Profile | None) -> Profile:
        """Return the profile that a process asks for, unless no engine of this worker has it.

        Raises:
            ItemFailure: ENGINE_ERROR, the process is not to be believed.
        """
        server = await self._forking()
        if before is not None or profile not in server.profiles:
            raise ItemFailure(
                FailureClass.ENGINE_ERROR, "The engine's process asked for more than it may have."
            )
        return profile

    async def _take(self, task: EngineTask, project: str, profile: Profile | None) -> EngineProcess:
        """Return a process for ``project``: an idle one of its own, or a new one."""
        self._refuse_when_closed()
        server = await self._forking()
        limits = (task.limits.memory_bytes, task.limits.output_bytes)
        # Which engine reads the document is seen by the process; it says when it may not run it.
        tenancy = Tenancy(project, profile or server.first_profile, *limits)
        self._idle = [process for process in self._idle if process.usable]
        for process in reversed(self._idle):
            if process.tenancy == tenancy:
                self._idle.remove(process)
                return process
        if self._idle and sum(one.usable for one in self._processes) >= self.children:
            self._idle.pop(0).kill()
        return await self._fork(server, tenancy)

    async def _fork(self, server: ForkServerProcess, tenancy: Tenancy) -> EngineProcess:
        self._refuse_when_closed()
        process = EngineProcess(server, self._guard, tenancy, self._confinement.level)
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        await process.start()
        return process

    async def _forking(self) -> ForkServerProcess:
        """Return the server that forks; one that has ended is replaced."""
        if self._server is not None and self._server.done() and not self._server.result().usable:
            self._server = None
        self.prepare()
        self._refuse_when_closed()
        assert self._server is not None
        return await asyncio.shield(self._server)

    async def _start_server(self) -> ForkServerProcess:
        server = ForkServerProcess(self._engines, self._guard, self._new_folder())
        try:
            await server.start()
        except BaseException:
            await server.close()
            raise
        return server

    def _give_back(self, process: EngineProcess) -> None:
        spent = self._reuse is Reuse.DOCUMENT or process.growth >= self._growth_bytes
        if spent or not process.usable or self._closed:
            process.kill()
        else:
            self._idle.append(process)

    def _drop_failed(self, starting: asyncio.Task[ForkServerProcess]) -> None:
        if (starting.cancelled() or starting.exception()) and self._server is starting:
            self._server = None

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UnavailableError(
                "The engine pool is closed.", "The worker is stopping; another one takes over."
            )


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="docmill-engine-"))
