"""The ledger: one row per item, from its claim to its one outcome.

Every outcome is written by compare-and-set from a state without one, fenced by the batch's epoch
and the item's attempt: what comes back late changes nothing. Statements are few and short, for
claiming and settling is what every item pays.
"""

from dataclasses import asdict
from typing import Any

from docmill.contracts import ItemStatus, ItemTask, LostItem, Outcome, Tally
from docmill.errors import NotFoundError
from docmill.records.cancelling import cancel_rest
from docmill.records.counts import add_counts
from docmill.records.holding import is_held
from docmill.records.items import (
    UNFINISHED,
    ClaimedItem,
    FailureGroup,
    ItemRow,
    NewResult,
    Settlement,
    StaleItem,
)
from docmill.records.ledger_reads import LedgerReads
from docmill.records.ledger_statements import (
    CHANGE_IF_HELD,
    CLAIM,
    LEARN_SHA256,
    LOAD_ITEM,
    RELEASE,
    claimed_item,
    held_by,
    keep_result,
    outcome_values,
    released,
    taken,
)
from docmill.records.outbox import JobNews, state_of, tell_of_jobs
from docmill.records.portable import dialect_of
from docmill.records.results import Results, result_id_of
from docmill.records.tables import Batch, Result, now
from docmill.records.warning_counts import WarnedFile, add_warned
from docmill.webhook_events import JobState

__all__ = [
    "ClaimedItem",
    "FailureGroup",
    "ItemRow",
    "Ledger",
    "NewResult",
    "Settlement",
    "StaleItem",
]


class Ledger(LedgerReads):
    """What happens to the items of a batch."""

    async def claim(self, task: ItemTask, worker: str) -> ClaimedItem | Outcome | None:
        """Take one item for ``worker``, or return the outcome that it already has.

        None leaves it: its batch is paused, ends, or has more items in flight than it may.

        Args:
            task: which item, of which epoch.
            worker: identity of this worker's process; finding an item in the hands of another
                one means that the other is lost.

        Raises:
            StaleItem: the task is of another epoch.
            NotFoundError: the ledger has no such item.
        """
        row = await self._load(task.batch_id, task.position)
        if row is None:
            raise NotFoundError(
                f"The batch {task.batch_id} has no item {task.position}.",
                "Items are claimed only after their page was made.",
            )
        if row.status not in UNFINISHED:
            return Outcome(row.status)
        if row.current_epoch != task.epoch:
            raise StaleItem("This item belongs to an earlier run of the batch.")
        losses = row.worker_losses
        if row.status == ItemStatus.PROCESSING and row.claimed_by != worker:
            losses += 1
        if await is_held(self._session, row, task):
            if row.status == ItemStatus.PROCESSING:
                held = claimed_item(row, epoch=row.epoch, attempt=row.attempts, losses=losses)
                await self.hand_back(held)  # whoever had it does not work on it any more
            return None
        item = claimed_item(row, epoch=task.epoch, attempt=row.attempts + 1, losses=losses)
        await self._session.execute(CLAIM, taken(item, worker, row.job_created_at))
        news = JobNews(item.job_id, item.item_id)
        await tell_of_jobs(self._session, item.audience, JobState.RUNNING, [news])
        return item

    async def settle(self, item: ClaimedItem, settlement: Settlement) -> bool:
        """Give a claimed item its outcome, with its result and the counts.

        Returns:
            False, with nothing changed, when the item has an outcome or another attempt already.
        """
        result_id = settlement.existing_result_id
        completed = settlement.outcome is Outcome.COMPLETED
        if settlement.result is not None and completed:
            result_id = result_id_of(item.project_id, settlement.result.cache_key)
        outcome = outcome_values(settlement) | {"result_id": result_id}
        warnings = [*(settlement.warnings or ())]
        if settlement.result is not None:
            warnings += settlement.result.warnings or ()
        if (shared := settlement.existing_result_id) is not None:
            there = await Results(self._session).use([shared])
            if shared not in there:
                return False  # purged since it was found: the next attempt makes it anew
            warnings += there[shared]
        if not await self._change(item, outcome):
            return False
        if settlement.result is not None:
            await self._keep(item, settlement.result)
            await self._session.execute(RELEASE, released(item, settlement.result.cache_key))
        if settlement.sha256 is not None and item.sha256 is None:
            await self._learn(item, settlement.sha256)
        counted = Tally().plus(settlement.outcome)
        await add_counts(self._session, item.batch_id, item.position, counted)
        has_result = result_id is not None
        warned = WarnedFile.among([(item.position, warnings)] if has_result else [])
        await add_warned(self._session, item.batch_id, warned)
        await self._tell(item, settlement, result_id)
        return True

    async def hand_back(
        self, item: ClaimedItem, *, cleaned: int | None = None, engine_failure: bool = False
    ) -> bool:
        """Return a claimed item to pending: its worker stops, or the engine failed for now.

        Args:
            item: as claimed; a later claim by anyone makes this a no-op.
            cleaned: attempts up to this one left nothing in the store; None: as it was.
            engine_failure: count one transient engine failure.

        Returns:
            Whether it was still held by this claim.
        """
        back = {
            "status": ItemStatus.PENDING.value,
            "claimed_by": None,
            "worker_losses": item.worker_losses,
            "engine_failures": item.engine_failures + int(engine_failure),
            "cleaned_attempts": item.cleaned_attempts if cleaned is None else cleaned,
        }
        return await self._change(item, back)

    async def settle_lost(self, lost: LostItem) -> bool:
        """Fail an item that Temporal gave up, whoever held it.

        Returns:
            False, with nothing changed, when it has an outcome already or the epoch has passed.
        """
        row = await self._load(lost.batch_id, lost.position)
        if row is None or row.status not in UNFINISHED or row.current_epoch != lost.epoch:
            return False
        settlement = Settlement(
            outcome=Outcome.FAILED,
            failure_class=lost.failure_class,
            failure_message=lost.message,
            failure_phase="worker",
        )
        held = claimed_item(row, epoch=row.epoch, attempt=row.attempts, losses=row.worker_losses)
        if row.job_created_at is None:
            await self._change(held, {"job_created_at": now()})
        return await self.settle(held, settlement)

    async def cancel_rest(self, batch: Batch, limit: int, why: str | None = None) -> int:
        """Cancel up to ``limit`` listed items that have no outcome; call again until it gives 0.

        Items that no page has reached get their ledger row here, so that the ledger equals the
        listing in the end. ``why`` is their message; None says that the batch was cancelled.
        """
        return await cancel_rest(self._session, batch, limit, why)

    async def _load(self, batch_id: str, position: int) -> Any:
        """Read one item with all that a worker needs, and hold its row."""
        values = {"batch_id": batch_id, "position": position}
        return (await self._session.execute(LOAD_ITEM, values)).one_or_none()

    async def _change(self, item: ClaimedItem, values: dict[str, Any]) -> bool:
        """Change an item if this claim still holds it; return whether it did."""
        changed = await self._session.scalar(CHANGE_IF_HELD, held_by(item) | values)
        return changed is not None

    async def _keep(self, item: ClaimedItem, result: NewResult) -> None:
        """Store the result, unless one with this cache key, and so with this id, is there."""
        values = asdict(result) | {
            "id": result_id_of(item.project_id, result.cache_key),
            "project_id": item.project_id,
            "job_type": item.job_type,
            "created_at": now(),
            "used_at": None,
            "purged_at": None,
        }
        await self._session.execute(keep_result(dialect_of(self._session)), values)

    async def _tell(self, item: ClaimedItem, settlement: Settlement, result_id: str | None) -> None:
        """Put the outcome into the outbox, if anybody listens."""
        if item.audience is not None:
            shared = settlement.existing_result_id
            known = await self._session.get(Result, shared) if shared else None
            partial = settlement.partial or (known is not None and known.partial)
            state = state_of(settlement.outcome, result_id, partial=partial)
            why = settlement.failure_class or settlement.skip_reason
            news = JobNews(item.job_id, item.item_id, why if state.status == "FAILED" else None)
            await tell_of_jobs(self._session, item.audience, state, [news])

    async def _learn(self, item: ClaimedItem, sha256: str) -> None:
        """Remember the hash of the listed bytes, so that the next batch can tell them unread."""
        place = {"at_directory": item.directory_id, "at_sequence": item.sequence}
        await self._session.execute(LEARN_SHA256, place | {"sha256": sha256})
