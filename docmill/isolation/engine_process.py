"""Engine process as seen from the pool: runs tasks, one at a time."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from docmill.engines.base import EngineReport, EngineTask, Limits, Profile
from docmill.errors import FailureClass, ItemFailure, UnavailableError, bounded
from docmill.isolation import frames
from docmill.isolation.exits import failure_of_exit
from docmill.isolation.private_folder import FolderClosedError
from docmill.isolation.process import ChildProcess, Tenancy
from docmill.isolation.process_guard import Guard
from docmill.isolation.sandbox.confinement import Level
from docmill.isolation.server_process import END_SECONDS, START_SECONDS, ForkServerProcess

log = structlog.get_logger(__name__)

_NO_ENGINE = (None, None)
_LOOK_SECONDS = 0.5
"""Interval between checks of a process; a disk writes about a gigabyte meanwhile."""


class OtherProfileError(Exception):
    """The engine for the document needs a process with another profile.

    Attributes:
        profile: the profile.
    """

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.profile = profile


class NotStartedError(Exception):
    """The process died before it started the task; another process may run it."""


class EngineProcess(ChildProcess):
    """An engine process and its protocol: a task, announcements, an answer.

    Attributes:
        growth: bytes of memory that it uses more than when it was ready.
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
        self._clear_at = 0.0

    async def start(self) -> None:
        """Wait until the process is ready.

        Raises:
            UnavailableError: it cannot start; no file caused it.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.connect()
                ready = (await self.receive()).message
                self.inherited_peak = int(ready["inherited_peak"])
                self._first_resident = frames.resident_of(ready)
        except (TimeoutError, EOFError, frames.FrameError, KeyError):
            await self.end()
            log.error("engine.process_not_started", stderr=bounded(self.stderr_tail))
            raise UnavailableError(
                "The engine's process could not be started.",
                "See the worker's log for Python's error.",
            ) from None
        except BaseException:
            await self.end()
            raise

    async def run(
        self, task: EngineTask, on_started: Callable[[], None] | None = None
    ) -> EngineReport:
        """Run ``task``. Unless the process answers, it is killed.

        Raises:
            ItemFailure: the failure of the engine, TIMEOUT, OUT_OF_MEMORY or CRASHED.
            NotStartedError: the process was already dead.
            OtherProfileError: the process may not run the engine.
        """
        try:
            return await self._run(task, on_started)
        except ItemFailure as failure:
            failure.engine, failure.engine_version = self._engine
            raise

    async def _run(self, task: EngineTask, on_started: Callable[[], None] | None) -> EngineReport:
        self._engine = _NO_ENGINE
        self.forget_stderr()
        try:
            if _is_in_message(task):
                handed = self.folder.inside(task)
            else:
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
        except FolderClosedError:  # it answered and died
            raise await self._judge(task) from None

    async def _taken(self, answer: EngineReport | ItemFailure, task: EngineTask) -> EngineReport:
        """Copy the output files, and clear the folder for the next task.

        After a task whose document and files came in messages, what the process leaves stays until
        the next visit of the folder: no longer than it may write unobserved during a task.
        """
        is_clear = True
        try:
            if isinstance(answer, EngineReport) and not answer.contents:
                into = Path(task.output_dir)
                is_clear = await asyncio.to_thread(self.folder.hand_out, answer, into, task.limits)
            elif (
                isinstance(answer, ItemFailure)
                or not _is_in_message(task)
                or self._loop.time() >= self._clear_at
            ):
                is_clear = await asyncio.to_thread(self.folder.clear)
                self._clear_at = self._loop.time() + _LOOK_SECONDS
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
        """Let the process answer ``task`` within its limits; otherwise kill it."""
        clock = _Clock(task.limits)
        try:
            async with clock.timeout:
                with self._watched(task.limits):
                    return await self._converse(task, clock, on_started)
        except TimeoutError:
            await self.end()
            raise _timeout(clock.seconds) from None
        except EOFError:
            raise await self._judge(task) from None
        except frames.FrameError as error:
            await self.end()
            log.warning("engine.garbled_answer", pid=self.pid, error=bounded(str(error)))
            raise ItemFailure(
                FailureClass.CRASHED, "The engine's process gave an invalid answer."
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
        self.send(frames.task_message(task), task.content or b"")
        try:
            await self.receive()
        except EOFError:
            await self.end()
            raise NotStartedError from None
        if on_started:
            on_started()
        frame = await self._answer(clock)
        message = frame.message
        if profile := frames.profile_in(message):
            raise OtherProfileError(profile)
        answer = frames.answer_of(frame)
        if isinstance(answer, EngineReport) and not _may_be_inline(answer, task):
            raise frames.FrameError("an answer has files that were not requested")
        full = isinstance(answer, ItemFailure) and (
            answer.failure_class is FailureClass.OUT_OF_MEMORY
        )
        self.growth = frames.resident_of(message) - self._first_resident
        if message.get("is_spent") or full:
            # It left files or processes behind, or memory of the document may still be in use.
            self._is_spent = True
        return answer

    @contextmanager
    def _watched(self, limits: Limits) -> Iterator[None]:
        """Check the usage of the process periodically; kill it above its quota."""
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

    async def _answer(self, clock: "_Clock") -> frames.Frame:
        """Return the first message that is not an announcement."""
        while True:
            frame = await self.receive()
            if engine := frames.engine_of(frame.message):
                self._engine = engine
            elif pages := frames.pages_of(frame.message):
                clock.allow(*pages)
            else:
                return frame

    async def _judge(self, task: EngineTask) -> ItemFailure:
        """Return the failure for a process that closed its pipe during ``task``."""
        # A process without its pipe cannot be used, even if it still runs.
        await asyncio.wait([self.ended], timeout=END_SECONDS)
        await self.end()
        exit_ = await self.ended
        failure = self._over_quota or failure_of_exit(exit_, task.limits.memory_bytes)
        log.warning(
            "engine.process_died",
            pid=self.pid,
            how=exit_.how,
            failure_class=failure.failure_class,
            peak_mib=exit_.peak_bytes // 2**20,
            stderr=bounded(self.stderr_tail),
        )
        return failure


class _Clock:
    """Time limit of one task, which grows with the pages that the process announces.

    Attributes:
        seconds: current limit.
        timeout: context of the task.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = asyncio.get_running_loop().time()
        self.seconds = limits.wall_clock(pages=1)
        self.timeout = asyncio.timeout_at(self._began + self.seconds)

    def allow(self, pages: int, ocr_pages: int) -> None:
        """Grant the time for these numbers of pages; the limit never shrinks."""
        pages, ocr_pages = min(pages, self._limits.pages), min(ocr_pages, self._limits.pages)
        self.seconds = max(self.seconds, self._limits.wall_clock(pages, ocr_pages))
        self.timeout.reschedule(self._began + self.seconds)


def _is_in_message(task: EngineTask) -> bool:
    """Return whether no file of a task is copied into the folder."""
    return task.content is not None and not task.parts


def _may_be_inline(report: EngineReport, task: EngineTask) -> bool:
    """Return whether the caller looks for the files of a report where they are."""
    return not report.contents or (task.inline and report.slice is None)


def _not_passed(error: OSError) -> ItemFailure:
    return ItemFailure(
        FailureClass.STORAGE_ERROR,
        f"The file could not be passed to its engine, or its result back: {error.strerror}.",
        "store",
    )


def _timeout(seconds: float) -> ItemFailure:
    return ItemFailure(
        FailureClass.TIMEOUT, f"The engine was stopped after {seconds:g} seconds, its limit."
    )
