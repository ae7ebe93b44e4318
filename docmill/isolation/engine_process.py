"""A child process that runs engine tasks, one at a time."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from docmill.engines.base import EngineReport, EngineTask, Limits, Profile
from docmill.errors import FailureClass, ItemFailure, UnavailableError, bounded
from docmill.isolation import frames
from docmill.isolation.private_folder import FolderClosedError
from docmill.isolation.process import ChildProcess, Tenancy
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.confinement import Level
from docmill.isolation.server_process import END_SECONDS, START_SECONDS, ForkServerProcess
from docmill.isolation.verdicts import verdict

log = structlog.get_logger(__name__)

_NO_ENGINE = (None, None)
_LOOK_SECONDS = 0.5
"""Between two looks at what a process uses: a disk takes about a gigabyte meanwhile."""


class OtherProfileError(Exception):
    """The engine that reads the document needs a process of another profile.

    Attributes:
        profile: which.
    """

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.profile = profile


class NotStartedError(Exception):
    """The child died before it began with the task; another one may have it."""


class EngineProcess(ChildProcess):
    """A child process and its conversation: a task, ``started``, the engine, an answer.

    Attributes:
        growth: bytes of memory that it has more than when it was ready.
    """

    def __init__(
        self, server: ForkServerProcess, guard: Guard, tenancy: Tenancy, level: Level
    ) -> None:
        super().__init__(server, guard, tenancy, level)
        self.growth = 0
        self._first_resident = 0
        self._engine: tuple[str | None, str | None] = _NO_ENGINE
        self._is_spent = False
        self._over_quota: ItemFailure | None = None

    async def start(self) -> None:
        """Wait until the child is ready.

        Raises:
            UnavailableError: it cannot start, which is no file's fault.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.connect()
                ready = await self.receive()
                self.inherited_peak = int(ready["inherited_peak"])
                self._first_resident = frames.resident_of(ready)
        except (TimeoutError, asyncio.IncompleteReadError, frames.FrameError, KeyError):
            await self.end()
            log.error("engine.process_not_started", stderr=bounded(self.last_words))
            raise UnavailableError(
                "The engine's process could not be started.",
                "See the worker's log for what Python said.",
            ) from None
        except BaseException:
            await self.end()
            raise

    async def run(
        self, task: EngineTask, on_started: Callable[[], None] | None = None
    ) -> EngineReport:
        """Run ``task``; however it ends other than by an answer, the process is gone afterwards.

        Raises:
            ItemFailure: the engine's own, TIMEOUT, OUT_OF_MEMORY or CRASHED.
            NotStartedError: the process was dead already.
            OtherProfileError: the process may not run the engine.
        """
        try:
            return await self._run(task, on_started)
        except ItemFailure as failure:
            failure.engine, failure.engine_version = self._engine
            raise

    async def _run(self, task: EngineTask, on_started: Callable[[], None] | None) -> EngineReport:
        self._engine = _NO_ENGINE
        self.forget_last_words()
        try:
            handed = await asyncio.to_thread(self.folder.hand_in, task)
        except FolderClosedError:
            await self.end()
            raise NotStartedError from None
        except OSError as error:
            await self.end()
            raise _not_passed(error) from error
        except BaseException:
            await self.end()
            raise
        answer = await self._timed(handed, on_started)
        try:
            return await self._taken(answer, task)
        except FolderClosedError:  # it answered, and died
            raise await self._judge(task) from None

    async def _taken(self, answer: EngineReport | ItemFailure, task: EngineTask) -> EngineReport:
        """Take over what the process left, and clear its folder for the next task."""
        into, limits = Path(task.output_dir), task.limits
        try:
            if isinstance(answer, ItemFailure):
                is_clear = await asyncio.to_thread(self.folder.clear)
            else:
                is_clear = await asyncio.to_thread(self.folder.hand_out, answer, into, limits)
        except OSError as error:
            await self.end()
            raise _not_passed(error) from error
        except FolderClosedError:
            raise
        except BaseException:
            await self.end()
            raise
        if self._is_spent or not is_clear:
            await self.end()
        if isinstance(answer, ItemFailure):
            raise answer
        return answer

    async def _timed(
        self, task: EngineTask, on_started: Callable[[], None] | None
    ) -> EngineReport | ItemFailure:
        """Have the process answer ``task`` within its limits; else it is gone afterwards."""
        clock = _Clock(task.limits)
        try:
            async with clock.timeout:
                with self._watched(task.limits):
                    return await self._converse(task, clock, on_started)
        except TimeoutError:
            await self.end()
            raise _timeout(clock.seconds) from None
        except asyncio.IncompleteReadError:
            raise await self._judge(task) from None
        except frames.FrameError as error:
            await self.end()
            log.warning("engine.garbled_answer", pid=self.pid, error=bounded(str(error)))
            raise ItemFailure(
                FailureClass.CRASHED, "The engine's process gave an answer that makes no sense."
            ) from None
        except OtherProfileError:
            if not await asyncio.to_thread(self.folder.clear):
                await self.end()
            raise
        except BaseException:
            await self.end()
            raise

    async def _converse(
        self, task: EngineTask, clock: "_Clock", on_started: Callable[[], None] | None
    ) -> EngineReport | ItemFailure:
        self.send(frames.task_message(task))
        try:
            await self.receive()
        except asyncio.IncompleteReadError:
            await self.end()
            raise NotStartedError from None
        if on_started:
            on_started()
        message = await self._answer(clock)
        if profile := frames.profile_in(message):
            raise OtherProfileError(profile)
        answer = frames.answer_of(message)
        full = isinstance(answer, ItemFailure) and (
            answer.failure_class is FailureClass.OUT_OF_MEMORY
        )
        self.growth = frames.resident_of(message) - self._first_resident
        if message.get("is_spent") or full:
            # It left something behind, or what filled its memory may still be there.
            self._is_spent = True
        return answer

    @contextmanager
    def _watched(self, limits: Limits) -> Iterator[None]:
        """Look from time to time at what the process uses; over its quota it is killed."""
        loop = asyncio.get_running_loop()
        looking: asyncio.Task[None] | None = None

        def begin() -> None:
            nonlocal looking
            looking = loop.create_task(self._watch(limits))

        handle = loop.call_later(_LOOK_SECONDS, begin)
        try:
            yield
        finally:
            handle.cancel()
            if looking is not None:
                looking.cancel()

    async def _watch(self, limits: Limits) -> None:
        while True:
            try:
                await asyncio.to_thread(self.folder.check, self.pid, limits)
            except ItemFailure as failure:
                self._over_quota = failure
                self.kill()
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answer(self, clock: "_Clock") -> dict[str, Any]:
        """Return the first message that is no announcement."""
        while True:
            message = await self.receive()
            if engine := frames.engine_of(message):
                self._engine = engine
            elif pages := frames.pages_of(message):
                clock.allow(*pages)
            else:
                return message

    async def _judge(self, task: EngineTask) -> ItemFailure:
        """Say why the process closed its pipe in the middle of ``task``."""
        # A process that lives on without its pipe is of no use either.
        await asyncio.wait([self.ended], timeout=END_SECONDS)
        await self.end()
        death = await self.ended
        failure = self._over_quota or verdict(death, task.limits.memory_bytes)
        log.warning(
            "engine.process_died",
            pid=self.pid,
            how=death.how,
            failure_class=failure.failure_class,
            peak_mib=death.peak_bytes // 2**20,
            stderr=bounded(self.last_words),
        )
        return failure


class _Clock:
    """The wall clock of one task, which grows with the pages that its child announces.

    Attributes:
        seconds: what it gives now.
        timeout: enter it when the task begins.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = asyncio.get_running_loop().time()
        self.seconds = limits.wall_clock(pages=1)
        self.timeout = asyncio.timeout_at(self._began + self.seconds)

    def allow(self, pages: int, ocr_pages: int) -> None:
        """Give the time of a document with so many wanted pages; never less than before."""
        pages, ocr_pages = min(pages, self._limits.pages), min(ocr_pages, self._limits.pages)
        self.seconds = max(self.seconds, self._limits.wall_clock(pages, ocr_pages))
        self.timeout.reschedule(self._began + self.seconds)


def _not_passed(error: OSError) -> ItemFailure:
    return ItemFailure(
        FailureClass.STORAGE_ERROR,
        f"The file could not be handed to its engine, or its result back: {error.strerror}.",
        "store",
    )


def _timeout(seconds: float) -> ItemFailure:
    return ItemFailure(
        FailureClass.TIMEOUT, f"The engine was stopped after {seconds:g} seconds, its limit."
    )
