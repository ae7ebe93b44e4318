"""Pool of engine processes, each with one task at a time."""

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
"""Growth of a process's memory after which it is replaced. The memory of an engine does not shrink
after a large file, and reduces what the next file can use.

Measured: 50 MiB after hundreds of small PDFs; 200 to 260 MiB after long ones, OCR and sheets of
100,000 cells, independent of the number of files. Growth above that is a leak, or a bomb.
"""

_STARTS = 3
"""Processes that are tried for one task if they die before they start it."""


@dataclass(slots=True, eq=False)
class _Turn:
    """A turn that was taken before its task.

    Attributes:
        pool: pool of the turn.
        spent: whether a task uses it.
    """

    pool: "EnginePool"
    spent: bool = False


_turn: ContextVar[_Turn | None] = ContextVar("turn", default=None)
"""The turn of the current task, inherited by tasks that it starts; only one of them uses it."""


class EnginePool:
    """Runs engines in supervised child processes.

    A process is started when it is needed, killed with its descendants on timeout, cancellation or
    an invalid answer, and replaced after it died or its memory has grown. All calls belong to one
    event loop, whose thread must live as long as the pool.

    Attributes:
        children: number of processes, and thus of concurrent tasks; other tasks wait.
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
        """Create a pool without starting a process.

        Args:
            children: number of processes, at least 1.
            growth_bytes: growth of memory after which a process is replaced.
            engines: ``module:function ARGUMENT …`` that returns the `Registry` of the processes;
                arguments instead of settings, which their environment does not contain.
            new_folder: creates the folder of their private folders; by default in the system's
                temporary folder.
            confinement: confinement of the processes; None is the highest available level.
            reuse: how many documents of a project one process may read.
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
        """Process ids of usable processes."""
        return frozenset(one.pid for one in self._processes if one.usable and one.pid)

    @property
    def busy(self) -> int:
        """Number of processes that have a task."""
        return sum(one.usable for one in self._processes) - sum(one.usable for one in self._idle)

    @property
    def guard_pid(self) -> int | None:
        """Process id of the guard, which briefly outlives the worker."""
        return self._guard.pid

    async def start(self) -> None:
        """Start the guard. Processes are started when they are needed."""
        self._guard.start()

    def prepare(self) -> None:
        """Start the fork server, so that the first process starts within milliseconds.

        A failure is ignored here; a task that needs a process starts the server again.
        """
        if self._server is None and not self._closed:
            self._server = asyncio.create_task(self._start_server())
            self._server.add_done_callback(self._drop_failed)

    async def close(self) -> None:
        """Kill all processes and wait for their end; running tasks fail as unavailable."""
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
        """Run ``task`` in a process, when one is free and it is the project's turn.

        Free processes go to the waiting projects in turn, and to the tasks of a project in order.
        Cancelling the caller kills the process. The time limit starts when a process has the task.

        Args:
            task: the task; its output folder contains the result files on return.
            project: owner of the task.
            within: maximum wait for a process in seconds; None for no limit.
            on_started: called when the process starts the task.

        Raises:
            ItemFailure: the failure of the engine, or TIMEOUT, OUT_OF_MEMORY, CRASHED.
            UnavailableError: no process was free in time, the pool is closed, or no process can be
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
        """Wait for the project's turn in advance, to prepare a task for a free process.

        The first `run` inside the block uses the turn, and ends it. While tasks are short, some
        turns are granted before a process is free, so that none is idle during the preparation.

        Args:
            project: owner of the turn.
            within: maximum wait in seconds; None for no limit.

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
                "The task will be retried. Start more workers, or raise DOCMILL_ENGINE_SLOTS.",
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
            "Another program or the kernel kills them; see the system's log.",
        )

    async def _accepted(self, profile: Profile, before: Profile | None) -> Profile:
        """Return the profile that a process requests, if an engine of this worker has it.

        Raises:
            ItemFailure: ENGINE_ERROR, when the request is invalid.
        """
        server = await self._forking()
        if before is not None or profile not in server.profiles:
            raise ItemFailure(
                FailureClass.ENGINE_ERROR, "The engine's process requested a wrong profile."
            )
        return profile

    async def _take(self, task: EngineTask, project: str, profile: Profile | None) -> EngineProcess:
        """Return a process for ``project``: an idle one of the project, or a new one."""
        self._refuse_when_closed()
        server = await self._forking()
        limits = (task.limits.memory_bytes, task.limits.output_bytes)
        # The process selects the engine, and reports if it may not run it.
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
        """Return the fork server; one that has ended is replaced."""
        if self._server is not None and self._server.done() and not self._server.result().usable:
            self._server = None
        self.prepare()
        self._refuse_when_closed()
        assert self._server is not None
        return await asyncio.shield(self._server)

    async def _start_server(self) -> ForkServerProcess:
        server = ForkServerProcess(
            self._engines,
            self._guard,
            self._new_folder(),
            bubblewrap=self._confinement.bubblewrap,
        )
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
                "The engine pool is closed.", "The worker is stopping; another one continues."
            )


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="docmill-engine-"))
