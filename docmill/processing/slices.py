"""Large documents in slices: engine processes read slices, and a last run joins them.

The first run of a large document returns its first text layers. They determine all slices:
`TEXT_PAGES` text layers each, then `OCR_PAGES` pages each of those that need text recognition. Each
slice is stored and then recorded as a step of the item, so that a later attempt, on this worker or
another, reads only what is missing. The last run joins the slices.

Names of stored slices follow from the steps, which are saved first. They can be deleted without a
listing, even after the loss of the worker that stored them. See `remove_slices`.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from docmill.contracts.items import PagesRead
from docmill.engines.base import SLICE_FILE, EngineReport, EngineTask, Limits, Slice
from docmill.engines.selection import PageSelection, as_target_pages
from docmill.engines.slices import OCR_PAGES, TEXT_PAGES, split
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation.pool import EnginePool
from docmill.objects.base import ObjectStore
from docmill.objects.results import slices_prefix
from docmill.records.database import Database
from docmill.records.ledger import ClaimedItem, StaleItem
from docmill.records.steps import Steps
from docmill.settings import Settings

_STEP = "slices-"
_FIRST = "text-0"
_MAX_PAGES = 1_000_000
"""Maximum number of pages that a child process may report."""

CHILD_WAIT_SECONDS = 60.0
"""Maximum wait for a free engine process. After it, the item returns to its task queue, where any
worker takes it; no loss is counted, and its time limit has not started. Slices of a started
document wait without a limit."""

Progress = Callable[[PagesRead], None]
"""Callback for the number of pages read of a large document."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """Options for reading an item's document in slices.

    Attributes:
        key: part of the result's cache key besides product and parameters.
        progress: callback for the number of pages read.
    """

    key: str
    progress: Progress


@dataclass
class Plan:
    """The slices of one document.

    Attributes:
        step: name of the step of the plan, and prefix of the steps of its slices.
        prefix: prefix of the keys of stored slices.
        asked: requested pages.
        recognise: for each slice of text layers that was read, its pages that need text
            recognition.
        read: names of slices that were read and stored.
    """

    step: str
    prefix: str
    asked: list[int]
    recognise: dict[int, list[int]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    @classmethod
    def known(cls, step: str, saved: dict[str, Any]) -> "Plan":
        """Restore the plan that was saved as ``step``, with the slices read so far."""
        plan = cls(step, saved[step]["prefix"], _numbers(saved[step]["asked"]))
        for name, value in saved.items():
            if name.startswith(f"{step}-"):
                plan.note(name.removeprefix(f"{step}-"), value)
        return plan

    def note(self, name: str, recognise: str) -> None:
        """Record that a slice was read and stored, and its pages that need text recognition."""
        self.read.add(name)
        kind, number = name.split("-")[:2]
        if kind == "text":
            pages = {*split(self.asked, TEXT_PAGES)[int(number)]}
            self.recognise[int(number)] = [n for n in _numbers(recognise) if n in pages]

    def slices(self) -> Iterator[tuple[str, Slice]]:
        """Yield the known slices by name; text layers come first."""
        for number, pages in enumerate(split(self.asked, TEXT_PAGES)):
            yield f"text-{number}", Slice(tuple(pages), recognise=False)
        for number, left in sorted(self.recognise.items()):
            for part, pages in enumerate(split(left, OCR_PAGES)):
                yield f"ocr-{number}-{part}", Slice(tuple(pages), recognise=True)

    def key(self, name: str) -> str:
        """Return the key of a stored slice."""
        return f"{self.prefix}{name}.json"

    @property
    def pages(self) -> PagesRead:
        """Number of pages read so far."""
        left = sum(map(len, self.recognise.values()))
        done = sum(len(one.pages) for name, one in self.slices() if name in self.read) - left
        return PagesRead(pages_done=done, pages_total=len(self.asked))


class SlicedItems:
    """Runs items in local engines: small documents in one run, large ones in slices."""

    def __init__(
        self, pool: EnginePool, database: Database, store: ObjectStore, settings: Settings
    ) -> None:
        self._pool = pool
        self._database = database
        self._store = store
        self._settings = settings
        self._begun: set[str] = set()

    def turn(self, project: str) -> AbstractAsyncContextManager[None]:
        """Wait until a child process is free or nearly free for the item that the block claims.

        The item is not claimed yet: a pause can hold it, another worker can take it, and no loss is
        counted.

        Raises:
            UnavailableError: on entering, after `CHILD_WAIT_SECONDS`.
        """
        return self._pool.turn(project, within=CHILD_WAIT_SECONDS)

    async def run(
        self,
        item: ClaimedItem,
        task: EngineTask,
        sliced: Sliced | None,
        on_started: Callable[[], None],
    ) -> EngineReport:
        """Run ``task`` for an item.

        Args:
            item: the claimed item.
            task: task with an empty output folder in a writable parent.
            sliced: options for slices; None reads the document in one run.
            on_started: called when a child process starts with the document.

        Raises:
            ItemFailure: as in `EnginePool.run`; stored slices are not read again.
            UnavailableError: as in `EnginePool.run`, or store or database is unavailable.
            StaleItem: another attempt holds the item, or it has an outcome.
        """
        steps = Steps(self._database, run_of(item))
        if sliced is None:
            run = _Run(self._pool, self._store, steps, item, task)
            return _result(await run.first(on_started))
        run = _Run(self._pool, self._store, steps, item, self._may_be_large(task))
        step = _STEP + _digest(sliced.key, task)
        plan = await run.known(step) if item.attempt > 1 else None
        if plan is None:
            report = await run.first(on_started)
            if report.slice is None:
                return report
            plan = Plan(step, _prefix(item, step), _numbers(report.slice.asked))
            await run.begin(plan, report.slice.recognise)
        self._begun.add(run_of(item))
        sliced.progress(plan.pages)
        await run.read(plan, self._settings.engine_slots, sliced.progress)
        return await run.join(plan)

    def _may_be_large(self, task: EngineTask) -> EngineTask:
        limits = replace(
            task.limits,
            slice_from_pages=self._settings.slice_from_pages,
            slice_from_ocr_pages=self._settings.slice_from_ocr_pages,
        )
        return replace(task, limits=limits)

    def has_begun(self, item: ClaimedItem) -> bool:
        """Return whether an attempt of this worker read slices in this run of an item."""
        return run_of(item) in self._begun

    async def forget(self, item: ClaimedItem) -> None:
        """Delete the stored slices and all saved steps of a run."""
        await remove_slices(self._store, Steps(self._database, run_of(item)))
        self._begun.discard(run_of(item))


async def remove_slices(store: ObjectStore, steps: Steps) -> None:
    """Delete the stored slices and all saved steps of a finished run.

    A stale attempt may be storing a slice. Slices that it stores before the steps are deleted are
    deleted afterwards; a later attempt finds no steps, and deletes its slice itself.
    """
    saved = await steps.saved()
    keys = []
    for step in saved:
        if step.startswith(_STEP) and step.count("-") == 1:
            plan = Plan.known(step, saved)
            keys += [plan.key(name) for name, _ in plan.slices()]
    await _delete(store, keys)
    await steps.forget()
    await _delete(store, keys)


def run_of(item: ClaimedItem) -> str:
    """Return the id of the item's run, which all its attempts share."""
    return f"{item.job_id}-{item.epoch}"


class _Run:
    """One attempt at a document."""

    def __init__(
        self,
        pool: EnginePool,
        store: ObjectStore,
        steps: Steps,
        item: ClaimedItem,
        task: EngineTask,
    ) -> None:
        self._steps = steps
        self._pool = pool
        self._store = store
        self._item = item
        self._task = task
        self._spent = 0.0

    @property
    def _folder(self) -> Path:
        """The folder for the slices, next to the output."""
        output = Path(self._task.output_dir)
        return output.with_name(f"slices-{output.name}")

    async def known(self, step: str) -> Plan | None:
        """Return the plan that an earlier attempt saved, with the slices read so far."""
        saved = await self._steps.saved()
        return Plan.known(step, saved) if step in saved else None

    async def first(self, on_started: Callable[[], None]) -> EngineReport:
        """Read the document or, if it is large, its first text layers."""
        return await self.engine(self._task, within=CHILD_WAIT_SECONDS, on_started=on_started)

    async def engine(
        self,
        task: EngineTask,
        within: float | None = None,
        on_started: Callable[[], None] | None = None,
    ) -> EngineReport:
        """Run a task; its time counts for the whole document.

        Args:
            task: the task.
            within: maximum wait for a child process in seconds.
            on_started: called when a child process starts.
        """
        began: float | None = None

        def begin() -> None:
            nonlocal began
            began = time.monotonic()
            if on_started is not None:
                on_started()

        try:
            return await self._pool.run(
                task, project=self._item.project_id, within=within, on_started=begin
            )
        finally:
            if began is not None:
                self._spent += time.monotonic() - began

    async def begin(self, plan: Plan, recognise: str) -> None:
        """Save the plan, and store the slice of the first run."""
        await self._steps.put(
            plan.step, {"prefix": plan.prefix, "asked": as_target_pages(plan.asked)}
        )
        await self._keep(plan, _FIRST, Path(self._task.output_dir), recognise)

    async def read(self, plan: Plan, at_once: int, progress: Progress) -> None:
        """Read the missing slices, several at a time.

        After a failure, the slices in progress are still stored.
        """
        self._folder.mkdir()
        begun = set(plan.read)
        running: set[asyncio.Task[None]] = set()
        failure: BaseException | None = None
        try:
            while True:
                for name, one in plan.slices():
                    if failure is None and len(running) < at_once and name not in begun:
                        begun.add(name)
                        running.add(asyncio.create_task(self._read_one(plan, name, one)))
                if not running:
                    break
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    failure = failure or task.exception()
                progress(plan.pages)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if failure is not None:
            raise failure

    async def join(self, plan: Plan) -> EngineReport:
        """Join all slices to the result."""
        paths = []
        for name, _ in plan.slices():
            path = self._store.local_path(plan.key(name))
            paths.append(
                str(path or await self._fetch(plan.key(name), self._folder / f"{name}.json"))
            )
        return _result(await self.engine(replace(self._task, parts=tuple(paths))))

    async def _read_one(self, plan: Plan, name: str, wanted: Slice) -> None:
        output = self._folder / name
        output.mkdir()
        limits = self._limits_of(plan, wanted)
        task = replace(self._task, slice=wanted, output_dir=str(output), limits=limits)
        report = await self.engine(task)
        if report.slice is None:
            raise ItemFailure(
                FailureClass.ENGINE_ERROR, "The engine returned no part of the document."
            )
        await self._keep(plan, name, output, report.slice.recognise)

    async def _keep(self, plan: Plan, name: str, output: Path, recognise: str) -> None:
        key = plan.key(name)
        await self._store.put_file(key, output / SLICE_FILE)
        (output / SLICE_FILE).unlink(missing_ok=True)
        plan.note(name, recognise)
        step = f"{plan.step}-{name}"
        if not await self._steps.put_if_held(self._item, step, recognise, plan.pages):
            if await self._steps.get(plan.step) is None:  # otherwise a newer attempt has it
                await self._store.delete(key)
            raise StaleItem("A newer attempt holds this item, or it has its outcome.")

    def _limits_of(self, plan: Plan, wanted: Slice) -> Limits:
        """Return the limits of a slice: its time, bounded by the remaining time of the document.

        Raises:
            ItemFailure: TIMEOUT when no time is left.
        """
        limits = self._task.limits
        ocr_pages = sum(map(len, plan.recognise.values()))
        total = limits.wall_clock(len(plan.asked), ocr_pages)
        left = total - self._spent
        if left <= 0:
            message = f"The engine was stopped after {total:g} seconds, its limit."
            raise ItemFailure(FailureClass.TIMEOUT, message)
        pages = len(wanted.pages)
        own = limits.wall_clock(pages, pages if wanted.recognise else 0)
        seconds = min(own, left)
        return replace(limits, seconds=seconds, most_seconds=seconds)

    async def _fetch(self, key: str, path: Path) -> Path:
        with path.open("wb") as file:
            async for chunk in self._store.stream(key):
                await asyncio.to_thread(file.write, chunk)
        return path


def _result(report: EngineReport) -> EngineReport:
    if report.slice is not None:
        raise ItemFailure(
            FailureClass.ENGINE_ERROR, "The engine returned a part instead of the result."
        )
    return report


async def _delete(store: ObjectStore, keys: list[str]) -> None:
    for key in keys:
        await store.delete(key)


def _prefix(item: ClaimedItem, step: str) -> str:
    place = (item.project_id, item.batch_id, item.position, item.epoch)
    return slices_prefix(*place, step.removeprefix(_STEP))


def _digest(key: str, task: EngineTask) -> str:
    """Return a digest of the bytes, parameters and engines of slices."""
    parts = [key, task.product, json.dumps(task.parameters, sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _numbers(pages: str) -> list[int]:
    return PageSelection.read(None, pages).of(_MAX_PAGES, _MAX_PAGES) if pages else []
