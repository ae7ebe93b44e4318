"""The ledger in memory: the interface of `docmill.records.ledger.Ledger`, without a database.

For tests with thousands of steps of a batch, or without a database. The requirements of both
ledgers are in `docmill.testing.ledger_contract`. Results are known by their cache key only; there
are no webhooks, no warnings about names, and no transactions: each call is one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from docmill.contracts.items import ItemTask, LostItem
from docmill.contracts.words import UNFINISHED, ItemStatus, JobType, Outcome, Tally
from docmill.errors import FailureClass, NotFoundError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.items import (
    GROUP_MARK,
    ClaimedItem,
    NotBegun,
    ReadBytes,
    Settled,
    Settlement,
    StaleItem,
    job_id_of,
)

Claim = ClaimedItem | Outcome | NotBegun


class ItemLedger(Protocol):
    """Methods of a ledger that a batch's activities use; `Ledger` describes each method."""

    async def claim(
        self, wanted: Sequence[tuple[ItemTask, ReadBytes | None]], worker: str
    ) -> Mapping[int, Claim]:
        """Claim items of one batch."""

    async def settle(self, settling: Sequence[tuple[ClaimedItem, Settlement]]) -> Settled:
        """Settle claimed items of one batch."""

    async def hand_back(
        self, items: Sequence[ClaimedItem], *, engine_failure: bool = False, alone: bool = False
    ) -> frozenset[int]:
        """Return claimed items of one batch to pending."""

    async def settle_lost(self, lost: LostItem) -> bool:
        """Record the failure of an item that Temporal gave up on."""

    async def cancel_rest(self, batch: Any, limit: int, why: str | None = None) -> int:
        """Cancel up to ``limit`` listed items without an outcome."""

    async def tally(self, batch: Any) -> Tally:
        """Return the number of items by outcome."""

    async def unaccounted(self, batch: Any, limit: int) -> list[str]:
        """Return the paths of the first listed items without an outcome."""


@dataclass
class MemoryItem:
    """One row: an item of a batch."""

    position: int
    path: str
    status: str = ItemStatus.PENDING.value
    epoch: int = 1
    attempts: int = 0
    claimed_by: str | None = None
    worker_losses: int = 0
    engine_failures: int = 0
    cleaned_attempts: int = 0
    failure_class: str | None = None
    failure_message: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the item has its outcome."""
        return self.status not in UNFINISHED


@dataclass
class MemoryBatch:
    """The data of a batch that a ledger uses.

    Attributes:
        total: items of the listing, at the positions 1..total.
        epoch: the current execution; claims of others are rejected, and a redrive raises it.
        paused, cancel_requested, concurrency: settings of the batch that claims read.
    """

    id: str
    total: int
    epoch: int = 1
    paused: bool = False
    cancel_requested: bool = False
    concurrency: int = 10
    items: dict[int, MemoryItem] = field(init=False)

    def __post_init__(self) -> None:
        self.items = {
            n: MemoryItem(n, f"{n - 1:06}.pdf", epoch=self.epoch) for n in range(1, self.total + 1)
        }

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """The outcome of each item that has one, by position."""
        return {n: Outcome(item.status) for n, item in self.items.items() if item.ended}

    @property
    def tally(self) -> Tally:
        """The number of items by outcome."""
        return Tally(**Counter(outcome.value for outcome in self.outcomes.values()))


class MemoryLedger:
    """Claims and outcomes of the items of batches; `Ledger` describes each method."""

    def __init__(self, *batches: MemoryBatch) -> None:
        self._batches = {batch.id: batch for batch in batches}
        self._results: set[str] = set()
        self._leases: dict[str, ClaimedItem] = {}

    def add(self, batch: MemoryBatch) -> MemoryBatch:
        """Add a batch."""
        self._batches[batch.id] = batch
        return batch

    async def claim(
        self, wanted: Sequence[tuple[ItemTask, ReadBytes | None]], worker: str
    ) -> dict[int, Claim]:
        """Claim items of one batch, in the order of their positions."""
        batch = self._batches[wanted[0][0].batch_id]
        held = self._held_back(batch, [task for task, _ in wanted], together=GROUP_MARK in worker)
        return {
            task.position: self._claim(batch, task, read, worker, held=task.position in held)
            for task, read in sorted(wanted, key=lambda pair: pair[0].position)
        }

    def _claim(
        self, batch: MemoryBatch, task: ItemTask, read: ReadBytes | None, worker: str, *, held: bool
    ) -> Claim:
        item = batch.items.get(task.position)
        if item is None:
            raise NotFoundError(f"The batch {batch.id} has no item {task.position}.")
        if item.ended:
            return Outcome(item.status)
        if batch.epoch != task.epoch:
            raise StaleItem("This item belongs to an earlier run of the batch.")
        holder = item.claimed_by or ""
        process = worker.partition(GROUP_MARK)[0]
        taken = item.status == ItemStatus.PROCESSING
        lost = taken and holder.partition(GROUP_MARK)[0] != process
        if lost and GROUP_MARK in worker:
            if GROUP_MARK in holder:
                self._free(item)
            return NotBegun.ALONE
        losses = item.worker_losses + int(lost and GROUP_MARK not in holder)
        if held:
            if taken:
                self._free(item)
                item.worker_losses = losses
            return NotBegun.HELD
        claimed = _claimed(batch, item, item.attempts + 1, losses)
        known = read is not None and read.cache_key in self._results
        if read is not None and not known and not self._take_lease(read.cache_key, claimed):
            return NotBegun.BEING_MADE
        item.status, item.claimed_by = ItemStatus.PROCESSING.value, worker
        item.attempts, item.worker_losses, item.epoch = claimed.attempt, losses, batch.epoch
        if known:
            item.status = Outcome.SKIPPED.value
            return Outcome.SKIPPED
        return claimed

    async def settle(self, settling: Sequence[tuple[ClaimedItem, Settlement]]) -> Settled:
        """Settle the items that are still claimed."""
        done, unnamed = set(), []
        for item, settlement in settling:
            row = self._held(item)
            result = settlement.result
            if result is not None and (row is None or result.cache_key in self._results):
                unnamed.append(result.object_prefix)
            if row is None:
                continue
            if result is not None:
                self._results.add(result.cache_key)
            row.status = settlement.outcome.value
            row.failure_class = settlement.failure_class
            row.failure_message = settlement.failure_message
            done.add(item.position)
        return Settled(frozenset(done), tuple(sorted(unnamed)))

    async def hand_back(
        self, items: Sequence[ClaimedItem], *, engine_failure: bool = False, alone: bool = False
    ) -> frozenset[int]:
        """Return the items that are still claimed to pending."""
        done = set()
        for item in items:
            if (row := self._held(item)) is not None:
                self._free(row)
                row.worker_losses = item.worker_losses
                row.engine_failures = item.engine_failures + int(engine_failure)
                row.cleaned_attempts = item.cleaned_attempts
                done.add(item.position)
        return frozenset(done)

    async def settle_lost(self, lost: LostItem) -> bool:
        """Record the failure of an item, whichever process holds it."""
        batch = self._batches[lost.batch_id]
        row = batch.items.get(lost.position)
        if row is None or row.ended or batch.epoch != lost.epoch:
            return False
        row.status = Outcome.FAILED.value
        row.failure_class, row.failure_message = lost.failure_class, lost.message
        return True

    async def cancel_rest(self, batch: Any, limit: int, why: str | None = None) -> int:
        """Cancel the first items without an outcome; call until it returns 0."""
        rest = [row for row in self._batches[batch.id].items.values() if not row.ended][:limit]
        for row in rest:
            row.status = Outcome.CANCELLED.value
            row.failure_class, row.failure_message = FailureClass.CANCELLED.value, why
        return len(rest)

    async def tally(self, batch: Any) -> Tally:
        """Return the number of items by outcome."""
        return self._batches[batch.id].tally

    async def unaccounted(self, batch: Any, limit: int) -> list[str]:
        """Return the paths of the first items without an outcome."""
        rows = self._batches[batch.id].items.values()
        return [row.path for row in rows if not row.ended][:limit]

    def _held_back(
        self, batch: MemoryBatch, tasks: Sequence[ItemTask], *, together: bool
    ) -> frozenset[int]:
        """See `docmill.records.held_items.held_back`."""
        planned = {it.position: it.planned_concurrency for it in tasks if it.planned_concurrency}
        if batch.paused or batch.cancel_requested:
            return frozenset(planned)
        beyond = sorted(n for n, most in planned.items() if most > batch.concurrency)
        asked = {task.position for task in tasks}
        others = [
            row.claimed_by or ""
            for row in batch.items.values()
            if row.status == ItemStatus.PROCESSING and row.position not in asked
        ]
        groups = {holder for holder in others if GROUP_MARK in holder}
        single = sum(GROUP_MARK not in holder for holder in others)
        room = max(0, batch.concurrency - single - len(groups))
        if together:
            return frozenset() if room else frozenset(beyond)
        return frozenset(beyond[room:])

    def _take_lease(self, key: str, item: ClaimedItem) -> bool:
        """Take the lease to produce a result, unless the claim that has it still holds its item."""
        owner = self._leases.get(key)
        own = owner is not None and _place(owner) == _place(item)
        if owner is not None and not own and self._held(owner) is not None:
            return False
        self._leases[key] = item
        return True

    def _held(self, item: ClaimedItem) -> MemoryItem | None:
        """Return the row of a claim if it is the latest one and has no outcome."""
        row = self._batches[item.batch_id].items[item.position]
        current = (row.epoch, row.attempts) == (item.epoch, item.attempt)
        return row if current and not row.ended else None

    def _free(self, row: MemoryItem) -> None:
        row.status, row.claimed_by = ItemStatus.PENDING.value, None


def _place(item: ClaimedItem) -> tuple[str, int]:
    return item.batch_id, item.position


def _claimed(batch: MemoryBatch, row: MemoryItem, attempt: int, losses: int) -> ClaimedItem:
    return ClaimedItem(
        batch_id=batch.id,
        epoch=batch.epoch,
        position=row.position,
        attempt=attempt,
        worker_losses=losses,
        engine_failures=row.engine_failures,
        cleaned_attempts=row.cleaned_attempts,
        job_id=job_id_of(JobType.PARSE, batch.id, row.position),
        item_id=f"{batch.id}-{row.position}",
        path=row.path,
        name=row.path,
        size=len(row.path),
        sha256=None,
        project_id=DEFAULT_PROJECT_ID,
        job_type=JobType.PARSE.value,
        parameters={},
        parameters_hash="",
        engine="local",
        source=None,
        source_path=None,
        signature=None,
        object_key=None,
        directory_id="",
        sequence=row.position,
    )
