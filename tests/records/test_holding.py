"""A held item is not claimed, even when it was planned earlier."""

import pytest

from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import ClaimedItem, Ledger, NotBegun
from docmill.records.tables.batches import Batch
from tests.records.making import batch_over, claim, claim_any, page, scanned

PLANNED = 50
"""Items that might be in flight when those of these tests were planned."""


@pytest.fixture
async def batch(database: Database) -> Batch:
    batch = await batch_over(database, await scanned(database, 4))
    await page(database, batch)
    return batch


async def _steer(database: Database, batch: Batch, **fields: object) -> None:
    async with database.write() as session:
        await Batches(session).set_state(batch.id, **fields)


async def _held(database: Database, batch: Batch, position: int, worker: str = "worker") -> bool:
    answer = await claim_any(database, batch, position, worker, planned_concurrency=PLANNED)
    assert answer is NotBegun.HELD or isinstance(answer, ClaimedItem)
    return answer is NotBegun.HELD


@pytest.mark.parametrize(
    "fields", [{"paused": True}, {"cancel_requested": True}], ids=["paused", "cancelled"]
)
async def test_item_is_left_while_its_batch_is_paused_or_ending(
    database: Database, batch: Batch, fields: dict[str, object]
) -> None:
    await _steer(database, batch, concurrency=PLANNED, **fields)
    assert await _held(database, batch, 1)
    async with database.read() as session:
        (row, *_) = await Ledger(session).walk(batch, 0, 1)
    assert (row.status, row.attempts) == ("pending", 0)
    await _steer(database, batch, **dict.fromkeys(fields, False))
    assert not await _held(database, batch, 1)


async def test_items_over_a_lowered_concurrency_are_left_until_others_end(
    database: Database, batch: Batch
) -> None:
    await _steer(database, batch, concurrency=2)
    assert not await _held(database, batch, 1)
    first = await claim(database, batch, 2)
    assert await _held(database, batch, 3)
    async with database.write() as session:
        await Ledger(session).hand_back([first])
    assert not await _held(database, batch, 3)


async def test_item_planned_within_the_concurrency_is_not_counted_again(
    database: Database, batch: Batch
) -> None:
    await _steer(database, batch, concurrency=1)
    await claim(database, batch, 1)
    assert isinstance(await claim_any(database, batch, 2, planned_concurrency=1), ClaimedItem), (
        "the workflow plans no more than it may"
    )


async def test_item_of_an_older_workflow_is_never_held_back(
    database: Database, batch: Batch
) -> None:
    await _steer(database, batch, paused=True)
    await claim(database, batch, 1)


async def test_held_item_of_a_lost_worker_is_pending_again_with_its_loss_counted(
    database: Database, batch: Batch
) -> None:
    await _steer(database, batch, concurrency=PLANNED)
    await claim(database, batch, 1, "killed")
    await _steer(database, batch, paused=True)
    assert await _held(database, batch, 1, "other")
    async with database.read() as session:
        assert (await Ledger(session).walk(batch, 0, 1))[0].status == "pending"
    await _steer(database, batch, paused=False)
    assert (await claim(database, batch, 1, "other")).worker_losses == 1
