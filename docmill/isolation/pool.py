"""A pool of engine processes: as many as there are slots, each for one file at a time."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from docmill.engines.base import EngineReport, EngineTask
from docmill.errors import ItemFailure, UnavailableError
from docmill.isolation.engine_process import EngineProcess, NotStartedError
from docmill.isolation.guarding import Guard

BUILTIN_ENGINES = "docmill.engines.registry:builtin"
RECYCLE_AFTER = 200
"""Files; the memory of an engine does not shrink after a large one."""

_STARTS = 3
"""Processes that are tried for one task, when they die before they begin with it."""


class EnginePool:
    """Runs engines in supervised child processes.

    A process is started when it is first needed, killed with everything it started on timeout,
    cancellation or garbage, and replaced after it died or served ``recycle_after`` files. All
    calls belong to one event loop, whose thread must live as long as the pool.

    Attributes:
        slots: tasks that run at the same time; more wait.
    """

    def __init__(
        self,
        slots: int,
        *,
        recycle_after: int = RECYCLE_AFTER,
        engines: str = BUILTIN_ENGINES,
        new_folder: Callable[[], Path] | None = None,
    ) -> None:
        """Make a pool; it starts nothing yet.

        Args:
            slots: tasks at the same time, at least 1.
            recycle_after: files that one process serves.
            engines: ``module:function ARGUMENT …``, which returns the `Registry` inside the
                children; arguments are words, for a child's environment holds no settings.
            new_folder: makes the private folder of a child; by default in the system's place
                for temporary files.
        """
        self.slots = slots
        self._recycle_after = recycle_after
        self._engines = engines
        self._new_folder = new_folder or _temporary_folder
        self._guard = Guard()
        self._free = asyncio.Semaphore(slots)
        self._idle: list[EngineProcess] = []
        self._processes: set[EngineProcess] = set()
        self._closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the children that can work."""
        return frozenset(process.pid for process in self._processes if process.usable)

    @property
    def guard_pid(self) -> int | None:
        """Process id of the guard, which outlives the worker by a moment."""
        return self._guard.pid

    async def start(self) -> None:
        """Start the guard; children follow when they are needed."""
        self._guard.start()

    async def close(self) -> None:
        """Kill all children and wait until they are gone; running tasks end as unavailable."""
        self._closed = True
        ending = [process.end() for process in self._processes]
        await asyncio.gather(*ending)
        self._idle.clear()
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
        self, task: EngineTask, on_started: Callable[[], None] | None = None
    ) -> EngineReport:
        """Run ``task`` in a child as soon as a slot is free.

        Cancelling the caller kills the child. The wall clock of the task's limits runs from when
        a child has it.

        Args:
            task: what to run; its output folder holds result files once this returns.
            on_started: called when the child begins.

        Raises:
            ItemFailure: the engine's own failure, or TIMEOUT, OUT_OF_MEMORY, CRASHED.
            UnavailableError: the pool is closed, or no process can be started.
        """
        async with self._free:
            for _ in range(_STARTS):
                process = await self._take()
                try:
                    return await process.run(task, on_started)
                except NotStartedError:
                    continue
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

    async def _take(self) -> EngineProcess:
        self._refuse_when_closed()
        while self._idle:
            process = self._idle.pop()
            if process.usable:
                return process
        process = EngineProcess(self._engines, self._guard, self._new_folder())
        self._processes.add(process)
        process.ended.add_done_callback(lambda _: self._processes.discard(process))
        await process.start()
        return process

    def _give_back(self, process: EngineProcess) -> None:
        if process.usable and process.served < self._recycle_after and not self._closed:
            self._idle.append(process)
        else:
            process.kill()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UnavailableError(
                "The engine pool is closed.", "The worker is stopping; another one takes over."
            )


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="docmill-engine-"))
