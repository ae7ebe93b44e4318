"""A large document in slices: each is read by a free engine process and stored; one run joins them.

A document that turns out to be large comes back from its first run with its first text layers. All
slices follow from that: `TEXT_PAGES` text layers each, then `OCR_PAGES` pages each of those whose
text is to be recognised. Each is stored when it is read and then noted among the item's steps, so
that a later attempt, on this worker or another, reads what is missing. The last run joins them.

What is stored has names that follow from the steps, which are saved first: so it can be removed
without a listing, also when the worker that stored it is gone. See `remove_slices`.
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
from docmill.engines.base import EngineReport, EngineTask, Limits, Slice
from docmill.engines.selection import PageSelection, as_target_pages
from docmill.engines.slices import OCR_PAGES, SLICE_FILE, TEXT_PAGES, split
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
_MOST_PAGES = 1_000_000
"""What a child says of its document is not believed beyond that."""

CHILD_WAIT_SECONDS = 60.0
"""For a free engine process. An item whose neighbours take longer goes back to its task queue,
from where any worker takes it again: it is charged to nobody, and its time has not begun. What has
begun waits for the turns of its slices as long as it takes."""

Progress = Callable[[PagesRead], None]
"""Told how many pages of a large document are read."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """How an item's document is read in slices, should it be large.

    Attributes:
        key: of the result: what it depends on, other than the task's product and parameters.
        progress: told how far the document is.
    """

    key: str
    progress: Progress


@dataclass
class Plan:
    """The slices of one document.

    Attributes:
        step: name of the step that says so; that of a slice begins with it.
        prefix: of the keys of what is stored.
        asked: the pages that were asked for.
        recognise: by the number of each run of text layers that was read, the pages of it whose
            text is to be recognised.
        read: names of the slices that were read and stored.
    """

    step: str
    prefix: str
    asked: list[int]
    recognise: dict[int, list[int]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    @classmethod
    def known(cls, step: str, saved: dict[str, Any]) -> "Plan":
        """Return the plan that was saved as ``step``, with what was read of it."""
        plan = cls(step, saved[step]["prefix"], _numbers(saved[step]["asked"]))
        for name, value in saved.items():
            if name.startswith(f"{step}-"):
                plan.note(name.removeprefix(f"{step}-"), value)
        return plan

    def note(self, name: str, recognise: str) -> None:
        """Note that a slice was read and stored, and which pages it leaves to be recognised."""
        self.read.add(name)
        kind, number = name.split("-")[:2]
        if kind == "text":
            pages = {*split(self.asked, TEXT_PAGES)[int(number)]}
            self.recognise[int(number)] = [n for n in _numbers(recognise) if n in pages]

    def slices(self) -> Iterator[tuple[str, Slice]]:
        """Yield the slices that are known by now, by name; text layers come first."""
        for number, pages in enumerate(split(self.asked, TEXT_PAGES)):
            yield f"text-{number}", Slice(tuple(pages), recognise=False)
        for number, left in sorted(self.recognise.items()):
            for part, pages in enumerate(split(left, OCR_PAGES)):
                yield f"ocr-{number}-{part}", Slice(tuple(pages), recognise=True)

    def key(self, name: str) -> str:
        """Return the key of what was read of a slice."""
        return f"{self.prefix}{name}.json"

    @property
    def pages(self) -> PagesRead:
        """How many pages are read by now."""
        left = sum(map(len, self.recognise.values()))
        done = sum(len(one.pages) for name, one in self.slices() if name in self.read) - left
        return PagesRead(pages_done=done, pages_total=len(self.asked))


class SlicedItems:
    """Runs items by local engines: small documents in one run, large ones in slices."""

    def __init__(
        self, pool: EnginePool, database: Database, store: ObjectStore, settings: Settings
    ) -> None:
        self._pool = pool
        self._database = database
        self._store = store
        self._settings = settings
        self._begun: set[str] = set()

    def turn(self, project: str) -> AbstractAsyncContextManager[None]:
        """Wait until a child is free, or nearly so, for the item that the block claims and runs.

        What is not claimed yet is free: a pause holds it back, another worker may take it, and
        nobody is charged with it.

        Raises:
            UnavailableError: on entering, when the wait was too long.
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
            item: as claimed.
            task: with an empty output folder beside which there is room for others.
            sliced: how a large document is read; None reads it in one run.
            on_started: called when a child begins with the document.

        Raises:
            ItemFailure: as `EnginePool.run`; slices that were read are not read again afterwards.
            UnavailableError: likewise, or the store or the database is away.
            StaleItem: the item was given to another attempt, or has its outcome.
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
        """Whether an attempt of this worker read slices of this run of an item."""
        return run_of(item) in self._begun

    async def forget(self, item: ClaimedItem) -> None:
        """Remove what was stored of a run's slices, and all of its saved steps."""
        await remove_slices(self._store, Steps(self._database, run_of(item)))
        self._begun.discard(run_of(item))


async def remove_slices(store: ObjectStore, steps: Steps) -> None:
    """Remove what was stored of a run's slices, and all of its saved steps: the run is over.

    An attempt that does not know that yet may be storing a slice. What it stores before the steps
    are gone is removed afterwards; whoever stores later sees that they are, and removes it.
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
    """Return what all attempts of this run of the item share, and no other run has."""
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
        output = Path(task.output_dir)
        self._folder = output.with_name(f"slices-{output.name}")

    async def known(self, step: str) -> Plan | None:
        """Return the plan that an earlier attempt saved, with what was read of it."""
        saved = await self._steps.saved()
        return Plan.known(step, saved) if step in saved else None

    async def first(self, on_started: Callable[[], None]) -> EngineReport:
        """Read the document, or of a large one its first text layers."""
        return await self.engine(self._task, within=CHILD_WAIT_SECONDS, on_started=on_started)

    async def engine(
        self,
        task: EngineTask,
        within: float | None = None,
        on_started: Callable[[], None] | None = None,
    ) -> EngineReport:
        """Run a part of the work; its time counts for the whole document.

        Args:
            task: the part.
            within: seconds to wait for a child at most.
            on_started: called when a child begins.
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
        """Save the plan, and store what the first run has read."""
        await self._steps.put(
            plan.step, {"prefix": plan.prefix, "asked": as_target_pages(plan.asked)}
        )
        await self._keep(plan, _FIRST, Path(self._task.output_dir), recognise)

    async def read(self, plan: Plan, at_once: int, progress: Progress) -> None:
        """Read the slices that are missing, several at a time.

        When one fails, those that are being read are still stored.
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
        """Make the result of all slices."""
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
            raise ItemFailure(FailureClass.ENGINE_ERROR, "The engine gave no part of the document.")
        await self._keep(plan, name, output, report.slice.recognise)

    async def _keep(self, plan: Plan, name: str, output: Path, recognise: str) -> None:
        key = plan.key(name)
        await self._store.put_file(key, output / SLICE_FILE)
        (output / SLICE_FILE).unlink(missing_ok=True)
        plan.note(name, recognise)
        step = f"{plan.step}-{name}"
        if not await self._steps.put_if_held(self._item, step, recognise, plan.pages):
            if await self._steps.get(plan.step) is None:  # else it is the newer attempt's as well
                await self._store.delete(key)
            raise StaleItem("A newer attempt holds this item, or it has its outcome.")

    def _limits_of(self, plan: Plan, wanted: Slice) -> Limits:
        """Return the limits of a slice: its own time, and no more than the document has left.

        Raises:
            ItemFailure: TIMEOUT when nothing is left.
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
        raise ItemFailure(FailureClass.ENGINE_ERROR, "The engine gave a part as the result.")
    return report


async def _delete(store: ObjectStore, keys: list[str]) -> None:
    for key in keys:
        await store.delete(key)


def _prefix(item: ClaimedItem, step: str) -> str:
    place = (item.project_id, item.batch_id, item.position, item.epoch)
    return slices_prefix(*place, step.removeprefix(_STEP))


def _digest(key: str, task: EngineTask) -> str:
    """Return what slices of the same bytes, parameters and engines have in common."""
    parts = [key, task.product, json.dumps(task.parameters, sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _numbers(pages: str) -> list[int]:
    return PageSelection.read(None, pages).of(_MOST_PAGES, _MOST_PAGES) if pages else []
