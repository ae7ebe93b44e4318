"""The test suite for ledgers. A test module subclasses `LedgerContract` with its ledger.

class TestMemory(LedgerContract):
@pytest.fixture
def records(self) -> MemoryRecords: ...
"""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from docmill.contracts.items import ItemTask, LostItem
from docmill.contracts.words import Outcome, Tally
from docmill.errors import NotFoundError
from docmill.records.items import ClaimedItem, NotBegun, ReadBytes, Settlement, StaleItem
from docmill.testing.memory_ledger import Claim, ItemLedger

ITEMS = 4
"""Number of items of the batch under test."""
COMPLETED = Settlement(outcome=Outcome.COMPLETED)
FAILED = Settlement(outcome=Outcome.FAILED, failure_class="corrupt", failure_message="damaged")


class Records(Protocol):
    """A ledger with one batch of `ITEMS` items, whose concurrency is 10."""

    @property
    def batch(self) -> Any:
        """The batch, with its ``id`` and its ``epoch``."""

    def transaction(self) -> AbstractAsyncContextManager[ItemLedger]:
        """The ledger for one transaction."""

    async def control(self, **fields: Any) -> None:
        """Change ``paused``, ``concurrency`` or ``epoch`` of the batch."""


async def claim(
    records: Records,
    position: int,
    worker: str = "one",
    *,
    read: ReadBytes | None = None,
    epoch: int = 1,
    planned: int | None = None,
) -> Claim:
    """Claim one item."""
    task = ItemTask(
        batch_id=records.batch.id, epoch=epoch, position=position, planned_concurrency=planned
    )
    async with records.transaction() as ledger:
        return (await ledger.claim([(task, read)], worker))[position]


async def claimed(records: Records, position: int, worker: str = "one") -> ClaimedItem:
    """Claim an item that must be available."""
    item = await claim(records, position, worker)
    assert isinstance(item, ClaimedItem)
    return item


async def settle(records: Records, item: ClaimedItem, settlement: Settlement) -> bool:
    """Settle one item; return whether the outcome was recorded."""
    async with records.transaction() as ledger:
        return item.position in (await ledger.settle([(item, settlement)])).positions


async def hand_back(records: Records, item: ClaimedItem, *, engine_failure: bool = False) -> bool:
    """Return one item to pending; return whether it was still claimed."""
    async with records.transaction() as ledger:
        return bool(await ledger.hand_back([item], engine_failure=engine_failure))


async def lose(records: Records, position: int, epoch: int = 1) -> bool:
    """Record the failure of an item that Temporal gave up on."""
    lost = LostItem(
        batch_id=records.batch.id,
        epoch=epoch,
        position=position,
        failure_class="worker_lost",
        message="No worker came back.",
    )
    async with records.transaction() as ledger:
        return await ledger.settle_lost(lost)


async def tally(records: Records) -> Tally:
    """Count the outcomes."""
    async with records.transaction() as ledger:
        return await ledger.tally(records.batch)


class LedgerContract:
    """The requirements, one test each. A subclass has a fixture ``records``."""

    async def test_claim_numbers_attempts(self, records: Records) -> None:
        """A repeated claim of the same process is no loss of a worker."""
        first, again = await claimed(records, 1), await claimed(records, 1)

        assert (first.attempt, again.attempt, again.worker_losses) == (1, 2, 0)

    async def test_claim_counts_a_lost_worker_when_another_process_held_the_item(
        self, records: Records
    ) -> None:
        """A claim of an item that another process holds reports the loss of that process."""
        await claimed(records, 1, "one")

        assert (await claimed(records, 1, "two")).worker_losses == 1

    async def test_claim_of_a_settled_item_returns_its_outcome(self, records: Records) -> None:
        """A repeated activity changes nothing."""
        await settle(records, await claimed(records, 1), FAILED)

        assert await claim(records, 1) is Outcome.FAILED

    async def test_claim_is_rejected_when_the_batch_was_redriven(self, records: Records) -> None:
        """A task of an earlier execution must not start."""
        await records.control(epoch=2)

        with pytest.raises(StaleItem):
            await claim(records, 1, epoch=1)

    async def test_claim_names_an_item_that_does_not_exist(self, records: Records) -> None:
        """A wrong position is an error, not a silent success."""
        with pytest.raises(NotFoundError, match=str(ITEMS + 1)):
            await claim(records, ITEMS + 1)

    async def test_group_leaves_items_of_another_process_to_single_activities(
        self, records: Records
    ) -> None:
        """A file that may have ended a worker must not run in a group."""
        await claimed(records, 1, "one")

        assert await claim(records, 1, "two/group") is NotBegun.ALONE

    async def test_claim_is_held_while_the_batch_is_paused(self, records: Records) -> None:
        """An activity that was queued before the pause does not start."""
        await records.control(paused=True)

        assert await claim(records, 1, planned=10) is NotBegun.HELD

    async def test_claim_is_held_when_concurrency_was_lowered(self, records: Records) -> None:
        """Only as many items start as the new limit allows."""
        await records.control(concurrency=1)
        first = await claim(records, 1, planned=10)

        assert isinstance(first, ClaimedItem)
        assert await claim(records, 2, planned=10) is NotBegun.HELD

    async def test_claim_waits_for_an_item_with_the_same_bytes(self, records: Records) -> None:
        """The engine runs once for the same bytes, while the first item is claimed."""
        read = ReadBytes(sha256="same", cache_key="same", lease_seconds=60)
        first = await claim(records, 1, read=read)
        waiting = await claim(records, 2, read=read)
        assert isinstance(first, ClaimedItem)
        await settle(records, first, FAILED)

        assert waiting is NotBegun.BEING_MADE
        assert isinstance(await claim(records, 2, read=read), ClaimedItem)

    async def test_settlement_counts_once(self, records: Records) -> None:
        """A second outcome of a claim changes nothing."""
        item = await claimed(records, 1)

        assert await settle(records, item, COMPLETED)
        assert not await settle(records, item, FAILED)
        assert await tally(records) == Tally(completed=1)

    async def test_settlement_of_a_stale_claim_changes_nothing(self, records: Records) -> None:
        """A delayed worker cannot overwrite the outcome of a later attempt."""
        stale, current = await claimed(records, 1, "one"), await claimed(records, 1, "two")

        assert not await settle(records, stale, FAILED)
        assert await settle(records, current, COMPLETED)
        assert await tally(records) == Tally(completed=1)

    @pytest.mark.parametrize("engine_failure", [False, True])
    async def test_item_handed_back_is_free_without_a_loss(
        self, records: Records, engine_failure: bool
    ) -> None:
        """A stopped worker is no loss; a transient failure of an engine is counted."""
        assert await hand_back(
            records, await claimed(records, 1, "one"), engine_failure=engine_failure
        )
        next_claim = await claimed(records, 1, "two")

        assert (next_claim.worker_losses, next_claim.engine_failures) == (0, int(engine_failure))

    async def test_hand_back_of_a_stale_claim_changes_nothing(self, records: Records) -> None:
        """The item stays with its new holder."""
        stale, current = await claimed(records, 1, "one"), await claimed(records, 1, "two")

        assert not await hand_back(records, stale)
        assert await settle(records, current, COMPLETED)

    async def test_lost_item_fails_once_whoever_holds_it(self, records: Records) -> None:
        """A later outcome of the claim is ignored."""
        holder = await claimed(records, 1)

        assert await lose(records, 1)
        assert not await lose(records, 1)
        assert not await settle(records, holder, COMPLETED)
        assert await tally(records) == Tally(failed=1)

    async def test_lost_item_of_an_earlier_execution_is_left_alone(self, records: Records) -> None:
        """The batch was redriven meanwhile."""
        await records.control(epoch=2)

        assert not await lose(records, 1, epoch=1)
        assert await tally(records) == Tally()

    async def test_cancel_rest_cancels_what_has_no_outcome(self, records: Records) -> None:
        """It cancels at most ``limit`` items at a time; existing outcomes stay."""
        await settle(records, await claimed(records, 1), COMPLETED)
        await claimed(records, 2)
        async with records.transaction() as ledger:
            counts = [await ledger.cancel_rest(records.batch, 2) for _ in range(3)]
            unaccounted = await ledger.unaccounted(records.batch, 10)

        assert (counts, unaccounted) == ([2, 1, 0], [])
        assert await tally(records) == Tally(completed=1, cancelled=ITEMS - 1)

    async def test_unaccounted_names_the_first_items_without_an_outcome(
        self, records: Records
    ) -> None:
        """They are in the order of the listing."""
        await settle(records, await claimed(records, 1), COMPLETED)
        async with records.transaction() as ledger:
            assert await ledger.unaccounted(records.batch, 2) == ["000001.pdf", "000002.pdf"]
