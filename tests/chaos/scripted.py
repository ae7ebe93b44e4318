"""Scripted activities of a batch, released one by one, with the in-memory ledger of the test kit.

The workflow under test is the real one, on a real server. Its activities are scripted, so that a
signal can arrive at any point between two of its steps.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import heartbeating
from docmill.contracts import names
from docmill.contracts.batches import (
    AdmitRequest,
    BatchResult,
    CloseRequest,
    OpenedBatch,
    OpenRequest,
    StateChange,
    SteeringState,
)
from docmill.contracts.items import ItemRef, ItemResult, ItemTask, LostItem, Page, PageRequest
from docmill.contracts.words import BatchStatus, JobType, Outcome, Tally
from docmill.errors import FailureClass
from docmill.records.items import ClaimedItem, NotBegun, Settlement
from docmill.testing.memory_ledger import MemoryBatch, MemoryLedger


class Fate(StrEnum):
    """What happens to one attempt at an item."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"
    RETRIED = "retried"
    """The attempt fails for now; there will be another."""
    UNHEARD = "unheard"
    """The outcome is recorded, and the answer lost: the next attempt finds it."""
    LOST = "lost"
    """Temporal gives the item up without an outcome in the ledger."""


@dataclass
class World:
    """One batch as its activities see it.

    Attributes:
        id: of the batch.
        total: items of the listing, at the positions 1..total.
        done: items that an earlier execution of the batch completed.
        waiting: attempts that are under way, by position.
        books: calls that keep books and are under way, oldest first: open, page, record, close.
        runs: how often each item's work was done to its end.
        max_failures: more of them end the batch.
        throttled: whether it waits in line before it runs.
        record: what `record_state` has written.
        closed: what the batch ended as.
    """

    id: str
    total: int
    page_size: int
    threshold: int
    concurrency: int
    max_failures: int | None = None
    throttled: bool = False
    done: frozenset[int] = frozenset()
    waiting: dict[int, "asyncio.Future[Fate]"] = field(default_factory=dict)
    books: list["asyncio.Future[bool]"] = field(default_factory=list)
    runs: Counter[int] = field(default_factory=Counter)
    free: bool = False
    record: StateChange | None = None
    closed: BatchStatus | None = None

    def __post_init__(self) -> None:
        done = [position for position in self.done if position <= self.total]
        epoch = 2 if done else 1
        self.batch = MemoryBatch(self.id, self.total, epoch, concurrency=self.concurrency)
        self.ledger = MemoryLedger(self.batch)
        for position in done:
            self.batch.items[position].status = Outcome.COMPLETED.value

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """The outcome of each item that has one."""
        return self.batch.outcomes

    @property
    def tally(self) -> Tally:
        """The outcomes, counted."""
        return self.batch.tally

    @property
    def row(self) -> SteeringState:
        """What the row says of how the batch is steered."""
        written = self.record
        return SteeringState(
            paused=self.batch.paused,
            concurrency=self.batch.concurrency,
            cancel_reason=written.cancel_reason if written else None,
            drain=bool(written and written.drain),
        )

    def write(self, change: StateChange) -> None:
        """Write the row, from which claims read how the batch is steered."""
        self.record = change
        self.batch.paused = bool(change.paused)
        self.batch.concurrency = change.concurrency or self.concurrency
        self.batch.cancel_requested = change.cancel_reason is not None

    async def settle(self, item: ClaimedItem, outcome: Outcome) -> None:
        """Write an outcome; one that the ledger does not take is what must never happen."""
        settled = await self.ledger.settle([(item, Settlement(outcome=outcome))])
        assert settled.positions, f"item {item.position} has an outcome already"
        self.runs[item.position] += outcome is not Outcome.CANCELLED

    def release(self) -> None:
        """From now on every attempt completes, and no call waits."""
        self.free = True
        for call in self.books:
            if not call.done():
                call.set_result(True)
        for attempt in self.waiting.values():
            if not attempt.done():
                attempt.set_result(Fate.COMPLETED)

    async def keep_books(self) -> None:
        """Wait until the schedule lets this call go, or makes it fail for now."""
        if self.free:
            return
        call: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.books.append(call)
        try:
            async with heartbeating():
                if not await call:
                    raise _again()
        finally:
            self.books.remove(call)


def _again() -> ApplicationError:
    return ApplicationError("not now", type="Waiting", next_retry_delay=timedelta(milliseconds=1))


def _opened(world: World) -> OpenedBatch:
    """A batch; one with outcomes already is another attempt, for what has none."""
    return OpenedBatch(
        project_id="proj",
        directory_id=None,
        job_type=JobType.PARSE,
        total=world.total,
        page_size=world.page_size,
        continue_as_new_threshold=world.threshold,
        concurrency=world.concurrency,
        epoch=world.batch.epoch,
        item_timeout_seconds=3_600,
        started_at=datetime.now(UTC),
        engine_queue=activity.info().task_queue,
        admitted=not world.throttled,
        unfinished_only=world.batch.epoch > 1,
        settled=world.tally,
        max_failures=world.max_failures,
    )


class Script:
    """The activities, for many worlds at the same time; each is found by its batch's id."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}

    @activity.defn(name=names.OPEN_BATCH)
    async def open_batch(self, request: OpenRequest) -> OpenedBatch:
        world = self.worlds[request.batch_id]
        await world.keep_books()
        return _opened(world)

    @activity.defn(name=names.ADMIT_BATCH)
    async def admit_batch(self, request: AdmitRequest) -> OpenedBatch:
        world = self.worlds[request.batch_id]
        await world.keep_books()
        world.throttled = False
        return _opened(world)

    @activity.defn(name=names.NEXT_PAGE)
    async def next_page(self, request: PageRequest) -> Page:
        world = self.worlds[request.batch_id]
        await world.keep_books()
        listed = [
            position
            for position in range(request.after + 1, world.total + 1)
            if not request.unfinished_only or position not in world.outcomes
        ]
        taken = listed[: request.limit]
        settled = Tally()
        for position in taken:
            if position in world.outcomes and position > request.count_after:
                settled = settled.plus(world.outcomes[position])
        return Page(
            items=tuple(
                ItemRef(position=position, name=f"{position}.txt")
                for position in taken
                if position not in world.outcomes
            ),
            cursor=taken[-1] if taken else request.after,
            more=len(listed) > len(taken),
            settled=settled,
        )

    @activity.defn(name=names.PROCESS_ITEM)
    async def process_item(self, task: ItemTask) -> ItemResult:
        world = self.worlds[task.batch_id]
        item = (await world.ledger.claim([(task, None)], "worker"))[task.position]
        if isinstance(item, Outcome):
            return ItemResult(outcome=item)
        if isinstance(item, NotBegun):
            return ItemResult(outcome=Outcome.CANCELLED, left=True)
        attempt: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        if world.free:
            attempt.set_result(Fate.COMPLETED)
        world.waiting[task.position] = attempt
        try:
            async with heartbeating():
                fate = await attempt
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is not None and details.cancel_requested:
                await world.settle(item, Outcome.CANCELLED)
            else:
                await world.ledger.hand_back([item])
            raise
        finally:
            del world.waiting[task.position]
        return ItemResult(outcome=await self._meet(world, item, fate))

    async def _meet(self, world: World, item: ClaimedItem, fate: Fate) -> Outcome:
        match fate:
            case Fate.RETRIED:
                await world.ledger.hand_back([item], engine_failure=True)
                raise _again()
            case Fate.LOST:
                raise ApplicationError("no worker came back", type="Lost", non_retryable=True)
            case Fate.UNHEARD:
                await world.settle(item, Outcome.COMPLETED)
                raise _again()
            case Fate.FAILED:
                await world.settle(item, Outcome.FAILED)
                kind = FailureClass.CORRUPT
                raise ApplicationError("damaged", type=kind, non_retryable=True)
        outcome = Outcome(fate.value)
        await world.settle(item, outcome)
        return outcome

    @activity.defn(name=names.RECORD_LOST_ITEM)
    async def record_lost_item(self, lost: LostItem) -> None:
        world = self.worlds[lost.batch_id]
        await world.keep_books()
        world.runs[lost.position] += await world.ledger.settle_lost(lost)

    @activity.defn(name=names.RECORD_STATE)
    async def record_state(self, change: StateChange) -> SteeringState:
        world = self.worlds[change.batch_id]
        await world.keep_books()
        if change.model_fields_set - {"batch_id", "epoch"}:
            world.write(change)
        return world.row

    @activity.defn(name=names.CLOSE_BATCH)
    async def close_batch(self, request: CloseRequest) -> BatchResult:
        world = self.worlds[request.batch_id]
        await world.keep_books()
        if world.closed is None and request.ending is not BatchStatus.COMPLETED:
            await world.ledger.cancel_rest(world.batch, world.total)
        missing = await world.ledger.unaccounted(world.batch, world.total)
        if not missing:
            world.closed = world.closed or request.ending
        return BatchResult(
            batch_id=request.batch_id,
            status=world.closed or request.ending,
            total=world.total,
            tally=world.tally,
            unaccounted=tuple(missing),
        )
