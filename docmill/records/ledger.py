"""The ledger: one row per item, from its first claim to its single outcome.

Every outcome is written by compare-and-set from a state without one, fenced by the batch's epoch
and the item's attempt. Stale claims change nothing.

Claims and settlements take lists, because every item pays for them: one statement of each kind for
all items of a transaction. To prevent deadlocks, transactions take locks in this order: items by
position, leases, results, entries of the listing, and last the counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from docmill.contracts.items import ItemTask, LostItem
from docmill.contracts.webhook_events import JobState
from docmill.contracts.words import UNFINISHED, ItemStatus, Outcome, SkipReason, Tally
from docmill.errors import NotFoundError
from docmill.records.cancellation import cancel_rest
from docmill.records.counts import add_counts
from docmill.records.held_items import held_back
from docmill.records.items import (
    GROUP_MARK,
    ClaimedItem,
    FailureGroup,
    ItemRow,
    NewResult,
    NotBegun,
    PeekedItem,
    ReadBytes,
    Settled,
    Settlement,
    StaleItem,
    name_warnings,
)
from docmill.records.leases import Leases
from docmill.records.ledger_reads import LedgerReads
from docmill.records.ledger_statements import (
    CHANGE_ITEM,
    CLAIM_ITEMS,
    HOLD_ITEMS,
    LEARN_SHA256,
    LOAD_ITEMS,
    LOCK_ITEMS,
    SETTLE_ITEM,
    claimed_item,
    outcome_values,
    result_id_for,
)
from docmill.records.outbox import JobEvent, Subscribers, record_job_events, state_of
from docmill.records.outcomes import SettledItem, note_outcomes
from docmill.records.results import Results, SharedResult, result_id_of
from docmill.records.statements import run
from docmill.records.tables.base import now
from docmill.records.tables.batches import Batch, Result
from docmill.records.warning_counts import WarnedFile, add_warned

__all__ = [
    "Claim",
    "ClaimedItem",
    "FailureGroup",
    "ItemRow",
    "Ledger",
    "NewResult",
    "NotBegun",
    "ReadBytes",
    "Settlement",
    "StaleItem",
]

Claim = ClaimedItem | Outcome | NotBegun
"""Result of a claim: the item, its existing outcome, or the reason why it was not claimed."""

Known = tuple[ClaimedItem, ReadBytes]
Settling = tuple[ClaimedItem, Settlement]


class Ledger(LedgerReads):
    """Claims and outcomes of the items of a batch."""

    async def peek(self, tasks: Sequence[ItemTask]) -> dict[int, PeekedItem]:
        """Return items of one batch without an outcome, without claiming them."""
        epoch_of = {task.position: task.epoch for task in tasks}
        rows = await run(self._session, LOAD_ITEMS, _place(tasks[0].batch_id, epoch_of))
        return {
            row.position: PeekedItem(
                claimed_item(row, row.epoch, row.attempts, row.worker_losses),
                held_by=row.claimed_by if row.status == ItemStatus.PROCESSING else None,
                stopped=row.paused or row.cancel_requested,
            )
            for row in rows
            if row.status in UNFINISHED and row.current_epoch == epoch_of[row.position]
        }

    async def claim(
        self, wanted: Sequence[tuple[ItemTask, ReadBytes | None]], worker: str
    ) -> dict[int, Claim]:
        """Claim items of one batch for ``worker``, and take the leases of their results.

        An item with a stored result is settled at once.

        Args:
            wanted: items with their epoch and the facts about their bytes; None if they were not
                read yet, which skips the lookup of the result and the lease.
            worker: identity of this worker process. An item held by another process counts a lost
                worker. For a group, the result of `group_claim`: a group takes no items that
                another process held, so that it never counts a loss.

        Returns:
            The result of the claim, by position.

        Raises:
            StaleItem: the task belongs to another epoch.
            NotFoundError: the ledger has no such item.
        """
        read_of = {task.position: read for task, read in wanted}
        claims, items = await self._find([task for task, _ in wanted], worker)
        known = [(item, read) for item in items if (read := read_of[item.position]) is not None]
        reserved = await self._reserve(known)
        begun = [item for item in items if item.position not in reserved.being_made]
        await self._begin(begun, worker)
        claims |= {item.position: item for item in begun}
        claims |= dict.fromkeys(reserved.being_made, NotBegun.BEING_MADE)
        return claims | await self._share(known, reserved)

    async def look_up(self, item: ClaimedItem, read: ReadBytes) -> Result | NotBegun | None:
        """Look up the result for a claimed item whose bytes were read after the claim.

        Returns:
            The stored result; the reason to wait; or None: the item has the lease, and creates it.
        """
        reserved = await self._reserve([(item, read)])
        if reserved.being_made:
            return NotBegun.BEING_MADE
        result_id = reserved.stored.get(item.position)
        return None if result_id is None else await self._session.get(Result, result_id)

    async def settle(self, settling: Sequence[Settling]) -> Settled:
        """Settle claimed items of one batch, with their results and the counts.

        An item with an outcome or a newer attempt is not changed. Nor is an item whose shared
        result was purged meanwhile; its next attempt recreates the result.

        Returns:
            The settled items, and the files to delete.
        """
        if not settling:
            return Settled(frozenset(), ())
        held = await self._held([item for item, _ in settling])
        late = [pair for pair in settling if pair[0].position not in held]
        settling = sorted(
            (pair for pair in settling if pair[0].position in held), key=lambda it: it[0].position
        )
        unnamed = await self._keep(settling)
        shared = {s.existing_result_id for _, s in settling if s.existing_result_id is not None}
        there = await Results(self._session).use(shared)
        purged = shared - there.keys()
        settling = [pair for pair in settling if pair[1].existing_result_id not in purged]
        if settling:
            named = [(item, _with_name_warnings(item, s, there)) for item, s in settling]
            await self._settle(named, unnamed, there)
        unnamed |= await self._unnamed_of(late)
        positions = frozenset(item.position for item, _ in settling)
        return Settled(positions, tuple(sorted(unnamed)))

    async def hand_back(
        self,
        items: Sequence[ClaimedItem],
        *,
        engine_failure: bool = False,
        alone: bool = False,
    ) -> frozenset[int]:
        """Return claimed items of one batch to pending: the worker stops, or the engine failed.

        Args:
            items: the claims with current ``cleaned_attempts``; a later claim makes this a no-op.
            engine_failure: whether to count one transient engine failure.
            alone: whether they need activities of their own from now on.

        Returns:
            Positions of the items that were still claimed.
        """
        held = await self._held(items)
        changes = [
            {
                "at_batch": item.batch_id,
                "at_position": item.position,
                "status": ItemStatus.PENDING.value,
                "claimed_by": None,
                "worker_losses": item.worker_losses,
                "engine_failures": item.engine_failures + int(engine_failure),
                "cleaned_attempts": item.cleaned_attempts,
            }
            | ({"alone": True} if alone else {})
            for item in items
            if item.position in held
        ]
        if changes:
            await run(self._session, CHANGE_ITEM, changes)
        return held

    async def settle_lost(self, lost: LostItem) -> bool:
        """Record the failure of an item that Temporal gave up on, whichever process holds it.

        Returns:
            False, with nothing changed, if it has an outcome, or the batch was redriven.
        """
        found = await run(self._session, LOCK_ITEMS, _place(lost.batch_id, [lost.position]))
        row = found.one_or_none()
        if row is None or row.status not in UNFINISHED or row.current_epoch != lost.epoch:
            return False
        item = claimed_item(row, row.epoch, row.attempts, row.worker_losses)
        settlement = Settlement(
            outcome=Outcome.FAILED,
            failure_class=lost.failure_class,
            failure_message=lost.message,
            failure_phase="worker",
        )
        return bool((await self.settle([(item, settlement)])).positions)

    async def cancel_rest(self, batch: Batch, limit: int, why: str | None = None) -> int:
        """Cancel up to ``limit`` listed items without an outcome; call until it returns 0.

        Items that no page has reached get a ledger row, so that the ledger equals the listing.
        ``why`` is their message; None means that the batch was cancelled.
        """
        return await cancel_rest(self._session, batch, limit, why)

    # -- claims ---------------------------------------------------------------

    async def _find(
        self, tasks: Sequence[ItemTask], worker: str
    ) -> tuple[dict[int, Claim], list[ClaimedItem]]:
        """Lock items; return the results for those that cannot be claimed, and the others."""
        task_of = {task.position: task for task in tasks}
        place = _place(tasks[0].batch_id, task_of)
        rows = (await run(self._session, LOCK_ITEMS, place)).all()
        if missing := sorted(task_of.keys() - {row.position for row in rows}):
            raise NotFoundError(
                f"The batch {tasks[0].batch_id} has no item {missing[0]}.",
                "Items can be claimed only after their page was created.",
            )
        claims: dict[int, Claim] = {}
        items, left, orphaned = [], [], []
        together = GROUP_MARK in worker
        held = await held_back(self._session, rows[0], tasks, together=together)
        for row in rows:
            task, epoch = task_of[row.position], row.current_epoch
            holder = row.claimed_by or ""
            lost = row.status == ItemStatus.PROCESSING and _process(holder) != _process(worker)
            losses = row.worker_losses + int(lost and GROUP_MARK not in holder)
            if row.status not in UNFINISHED:
                claims[row.position] = Outcome(row.status)
            elif epoch != task.epoch:
                raise StaleItem("This item belongs to an earlier run of the batch.")
            elif lost and GROUP_MARK in worker:
                claims[row.position] = NotBegun.ALONE
                if GROUP_MARK in holder:
                    orphaned.append(claimed_item(row, row.epoch, row.attempts, losses))
            elif row.position not in held:
                items.append(claimed_item(row, epoch, row.attempts + 1, losses))
            else:
                claims[row.position] = NotBegun.HELD
                if row.status == ItemStatus.PROCESSING:  # its previous holder lost it
                    left.append(claimed_item(row, row.epoch, row.attempts, losses))
        await self.hand_back(left)
        await self.hand_back(orphaned, alone=True)
        return claims, items

    async def _reserve(self, known: Sequence[Known]) -> "_Reserved":
        """Take leases for the results of items, and look up stored results."""
        if not known:
            return _Reserved({}, frozenset())
        first = {read.cache_key: (item, read) for item, read in reversed(known)}
        project_id = known[0][0].project_id
        leases = Leases(self._session)
        taken = await leases.take(project_id, first)
        # After the leases, so that a result whose lease was released is visible.
        stored = await Results(self._session).stored(project_id, first)
        await leases.release(project_id, taken & stored.keys())
        makers = {first[key][0].position for key in taken}
        return _Reserved(
            {item.position: stored[r.cache_key] for item, r in known if r.cache_key in stored},
            frozenset(
                item.position
                for item, read in known
                if read.cache_key not in stored and item.position not in makers
            ),
        )

    async def _begin(self, items: Sequence[ClaimedItem], worker: str) -> None:
        if not items:
            return
        place = _place(items[0].batch_id, [item.position for item in items])
        held = {"at_worker": worker, "at_process": _process(worker)}
        taken = {"at_epoch": items[0].epoch, "at_time": now()}
        await run(self._session, CLAIM_ITEMS, place | held | taken)
        events = [JobEvent(item.job_id, item.item_id) for item in items]
        await record_job_events(self._session, items[0].subscribers, JobState.RUNNING, events)

    async def _share(self, known: Sequence[Known], reserved: "_Reserved") -> dict[int, Outcome]:
        """Settle claimed items with the stored results that were found."""
        sharing = [
            (
                item,
                Settlement(
                    outcome=Outcome.SKIPPED,
                    sha256=read.sha256,
                    existing_result_id=reserved.stored[item.position],
                    skip_reason=SkipReason.ALREADY_PROCESSED,
                    cleaned_attempts=item.attempt if item.clean else None,
                ),
            )
            for item, read in known
            if item.position in reserved.stored
        ]
        settled = await self.settle(sharing)
        return dict.fromkeys(settled.positions, Outcome.SKIPPED)

    # -- settlements ----------------------------------------------------------

    async def _held(self, items: Sequence[ClaimedItem]) -> frozenset[int]:
        """Lock those of ``items`` whose claims are still valid."""
        if not items:
            return frozenset()
        claim_of = {item.position: (item.epoch, item.attempt) for item in items}
        rows = await run(self._session, HOLD_ITEMS, _place(items[0].batch_id, claim_of))
        return frozenset(
            row.position for row in rows if (row.epoch, row.attempts) == claim_of[row.position]
        )

    async def _keep(self, settling: Sequence[Settling]) -> set[str]:
        """Store results and release their leases; return the prefixes of redundant results.

        If a result with the same cache key exists, that one is used.
        """
        new = {
            result_id_of(item.project_id, settlement.result.cache_key): (item, settlement.result)
            for item, settlement in reversed(settling)
            if settlement.result is not None
        }
        if not new:
            return set()
        project_id = settling[0][0].project_id
        await Leases(self._session).release(project_id, {r.cache_key for _, r in new.values()})
        kept = await Results(self._session).keep(new)
        named = {result.object_prefix for id_, (_, result) in new.items() if id_ in kept}
        return {s.result.object_prefix for _, s in settling if s.result is not None} - named

    async def _settle(
        self,
        settling: Sequence[Settling],
        unnamed: Collection[str],
        shared: Mapping[str, SharedResult],
    ) -> None:
        changes = [outcome_values(item, s, unnamed=unnamed) for item, s in settling]
        await run(self._session, SETTLE_ITEM, changes)
        learned = [
            {"at_directory": item.directory_id, "at_sequence": item.sequence, "sha256": s.sha256}
            for item, s in settling
            if s.sha256 is not None and item.sha256 is None
        ]
        if learned:  # so that the next batch need not read the bytes
            await run(self._session, LEARN_SHA256, learned)
        first = settling[0][0]
        if first.subscribers is not None:
            await self._record_events(first.subscribers, settling)
        tally = Tally()
        for _, settlement in settling:
            tally = tally.plus(settlement.outcome)
        await add_counts(self._session, first.batch_id, first.position, tally)
        note_outcomes(self._session, (_settled_item(item, s) for item, s in settling))
        warned = [
            (item.position, _warnings(s, shared))
            for item, s in settling
            if result_id_for(item, s) is not None
        ]
        await add_warned(self._session, first.batch_id, WarnedFile.among(warned))

    async def _unnamed_of(self, late: Sequence[Settling]) -> set[str]:
        """Return prefixes that stale attempts stored and no result references."""
        stored = {s.result.object_prefix for _, s in late if s.result is not None}
        if not stored:
            return set()
        keys = {s.result.cache_key for _, s in late if s.result is not None}
        return stored - await Results(self._session).prefixes(late[0][0].project_id, keys)

    async def _record_events(self, subscribers: Subscribers, settling: Sequence[Settling]) -> None:
        """Write events of the outcomes to the outbox."""
        shared = {s.existing_result_id for _, s in settling if s.existing_result_id is not None}
        partial = await Results(self._session).partial(shared) if shared else set()
        events: dict[JobState, list[JobEvent]] = {}
        for item, settlement in settling:
            result_id = result_id_for(item, settlement)
            state = state_of(
                settlement.outcome,
                result_id,
                partial=settlement.partial or result_id in partial,
            )
            why = settlement.failure_class or settlement.skip_reason
            one = JobEvent(item.job_id, item.item_id, why if state.status == "FAILED" else None)
            events.setdefault(state, []).append(one)
        for state, jobs in events.items():
            await record_job_events(self._session, subscribers, state, jobs)


class _Reserved(NamedTuple):
    """Stored results and leases for items with known bytes.

    Attributes:
        stored: id of the stored result, by position.
        being_made: positions of items whose result another item is creating. The other items create
            their own.
    """

    stored: Mapping[int, str]
    being_made: frozenset[int]


def _with_name_warnings(
    item: ClaimedItem, settlement: Settlement, shared: Mapping[str, SharedResult]
) -> Settlement:
    """Add warnings about the item's name, now that the type of its content is known."""
    result = settlement.result or shared.get(settlement.existing_result_id or "")
    found = name_warnings(item.path, result.media_type) if result is not None else []
    own = [*(settlement.warnings or ()), *found]
    return replace(settlement, warnings=own) if found else settlement


def _warnings(settlement: Settlement, shared: Mapping[str, SharedResult]) -> Sequence[Any]:
    """Return the warnings of a settled file, as stored: its own and those of its result."""
    result = settlement.result or shared.get(settlement.existing_result_id or "")
    return [*(settlement.warnings or ()), *((result and result.warnings) or ())]


def _settled_item(item: ClaimedItem, settlement: Settlement) -> SettledItem:
    return SettledItem(
        item.project_id,
        settlement.outcome,
        settlement.engine,
        settlement.failure_class,
        settlement.pages_ok or 0,
        settlement.pages_failed or 0,
    )


def _process(claimed_by: str) -> str:
    """Return the worker process of a claim."""
    return claimed_by.partition(GROUP_MARK)[0]


def _place(batch_id: str, positions: Collection[int]) -> dict[str, Any]:
    return {"at_batch": batch_id, "at_positions": sorted(positions)}
