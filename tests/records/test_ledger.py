"""The ledger's fencing: each item has one outcome, and stale claims change nothing."""

import asyncio

import pytest

from docmill.contracts.items import ItemTask, LostItem
from docmill.contracts.words import Outcome, SkipReason, Tally
from docmill.errors import NotFoundError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.jobs import Job, Jobs
from docmill.records.ledger import ClaimedItem, Ledger, Settlement, StaleItem
from docmill.records.tables.batches import Batch
from tests.records.making import (
    PROJECT,
    batch_over,
    claim,
    claim_any,
    complete,
    completed,
    failed,
    page,
    result_of,
    scanned,
    settle,
)


@pytest.fixture
async def batch(database: Database) -> Batch:
    batch = await batch_over(database, await scanned(database, 4), configuration_id="cfg-x")
    await page(database, batch)
    return batch


async def _job(database: Database, job_id: str) -> Job:
    async with database.read() as session:
        return await Jobs(session).get(PROJECT, job_id)


async def _counts(database: Database, batch: Batch) -> Tally:
    """The live counts, after proving that they equal the ledger."""
    async with database.read() as session:
        counts = (await Batches(session).counts([batch.id]))[batch.id]
        assert counts == await Ledger(session).tally(batch)
    return counts


async def _lose(database: Database, batch: Batch, position: int, epoch: int = 1) -> bool:
    lost = LostItem(
        batch_id=batch.id,
        epoch=epoch,
        position=position,
        failure_class="worker_lost",
        message="No worker came back.",
    )
    async with database.write() as session:
        return await Ledger(session).settle_lost(lost)


async def test_claim_has_all_data_that_a_worker_needs(database: Database, batch: Batch) -> None:
    item = await claim(database, batch, 2)

    assert (item.position, item.attempt, item.epoch) == (2, 1, 1)
    assert (item.path, item.name, item.size) == ("000001.pdf", "000001.pdf", 10)
    assert (item.source, item.source_path) == ({"folder": "/in"}, b"000001.pdf")
    assert (item.signature, item.sha256, item.object_key) == ("1", None, None)
    assert (item.project_id, item.job_type, item.parameters_hash) == (PROJECT, "parse", "p")
    job = await _job(database, item.job_id)
    assert (job.status, job.name, job.batch.id) == ("RUNNING", "000001.pdf", batch.id)
    assert (job.item_id, job.configuration_id) == (item.item_id, "cfg-x")


async def test_settled_item_has_outcome_job_result_and_count(
    database: Database, batch: Batch
) -> None:
    item = await complete(database, batch, 1, "aa")

    async with database.read() as session:
        (row, *_) = await Ledger(session).walk(batch, 0, 1)
    result = await result_of(database, "aa")
    assert result is not None
    assert (row.status, row.sha256, row.partial, row.attempts) == ("completed", "aa", True, 1)
    assert (row.pages_total, row.pages_ok, row.pages_failed) == (3, 2, 1)
    assert (row.object_prefix, row.media_type) == ("results/aa", "application/pdf")
    assert row.result_id == result.id
    assert row.started_at is not None
    assert row.finished_at is not None
    job = await _job(database, item.job_id)
    assert (job.status, job.result_id) == ("COMPLETED", result.id)
    assert await _counts(database, batch) == Tally(completed=1)


async def test_second_settlement_changes_nothing(database: Database, batch: Batch) -> None:
    item = await complete(database, batch, 1, "aa")

    assert not await settle(database, item, failed())
    assert not await settle(database, item, completed("bb"))

    assert await _counts(database, batch) == Tally(completed=1)
    assert (await _job(database, item.job_id)).status == "COMPLETED"
    assert await result_of(database, "bb") is None


async def test_finished_item_cannot_be_claimed_again(database: Database, batch: Batch) -> None:
    await complete(database, batch, 1, "aa")
    assert await claim_any(database, batch, 1) is Outcome.COMPLETED


async def test_stale_claim_changes_nothing(database: Database, batch: Batch) -> None:
    zombie = await claim(database, batch, 1, "first")
    current = await claim(database, batch, 1, "second")

    assert not await settle(database, zombie, failed())
    async with database.write() as session:
        assert not await Ledger(session).hand_back([zombie])
    assert await settle(database, current, completed("aa"))
    assert await _counts(database, batch) == Tally(completed=1)


async def test_task_of_another_epoch_is_rejected(database: Database, batch: Batch) -> None:
    old = await claim(database, batch, 1)
    async with database.write() as session:
        await Batches(session).set_state(batch.id, epoch=2)

    with pytest.raises(StaleItem):
        await claim_any(database, batch, 1, epoch=1)
    assert not await _lose(database, batch, 1, epoch=1)
    redriven = await claim_any(database, batch, 1, epoch=2)

    assert isinstance(redriven, ClaimedItem)
    assert (redriven.epoch, redriven.attempt) == (2, 2)
    assert not await settle(database, old, completed("aa"))
    assert await settle(database, redriven, completed("aa"))


async def test_worker_loss_is_counted_only_for_items_of_another_worker(
    database: Database, batch: Batch
) -> None:
    assert (await claim(database, batch, 1, "one")).worker_losses == 0
    assert (await claim(database, batch, 1, "one")).worker_losses == 0
    item = await claim(database, batch, 1, "two")
    assert (item.worker_losses, item.attempt) == (1, 3)
    async with database.write() as session:
        assert await Ledger(session).hand_back([item])
    assert (await claim(database, batch, 1, "three")).worker_losses == 1


async def test_item_handed_back_is_pending_and_keeps_its_attempt_budget(
    database: Database, batch: Batch
) -> None:
    item = await claim(database, batch, 1)
    async with database.write() as session:
        assert await Ledger(session).hand_back([item], engine_failure=True)

    async with database.read() as session:
        assert await Batches(session).in_flight(batch.id) == []
        assert await Ledger(session).count(batch, "pending") == 4
    assert (await _job(database, item.job_id)).status == "PENDING"
    again = await claim(database, batch, 1)
    assert (again.attempt, again.engine_failures) == (2, 1)


async def test_unknown_item_is_reported(database: Database, batch: Batch) -> None:
    task = ItemTask(batch_id=batch.id, epoch=1, position=99)
    async with database.write() as session:
        with pytest.raises(NotFoundError, match="no item 99"):
            await Ledger(session).claim([(task, None)], "worker")


async def test_lost_item_fails_whether_or_not_it_was_claimed(
    database: Database, batch: Batch
) -> None:
    item = await claim(database, batch, 1)

    assert await _lose(database, batch, 1)
    assert await _lose(database, batch, 2)
    assert not await _lose(database, batch, 1)

    assert not await settle(database, item, completed("aa"))
    assert await _counts(database, batch) == Tally(failed=2)
    async with database.read() as session:
        first, second = (await Ledger(session).walk(batch, 0, 9))[:2]
    assert (first.failure_class, first.attempts) == ("worker_lost", 1)
    assert (second.failure_class, second.attempts) == ("worker_lost", 0)
    job = await _job(database, second.job_id or "")
    assert (job.status, job.error_message) == ("FAILED", "No worker came back.")


async def test_skipped_item_shares_the_stored_result_and_its_job_completed(
    database: Database, batch: Batch
) -> None:
    await complete(database, batch, 1, "aa")
    result = await result_of(database, "aa")
    assert result is not None
    twin = await claim(database, batch, 2)
    skipped = Settlement(
        outcome=Outcome.SKIPPED,
        sha256="aa",
        existing_result_id=result.id,
        skip_reason=SkipReason.ALREADY_PROCESSED,
    )

    assert await settle(database, twin, skipped)

    job = await _job(database, twin.job_id)
    assert (job.status, job.result_id) == ("COMPLETED", result.id)
    assert await _counts(database, batch) == Tally(completed=1, skipped=1)


async def test_job_of_a_file_over_the_size_limit_states_the_reason(
    database: Database, batch: Batch
) -> None:
    item = await claim(database, batch, 1)
    reason = SkipReason.SIZE_LIMIT_EXCEEDED
    assert await settle(database, item, Settlement(outcome=Outcome.SKIPPED, skip_reason=reason))
    job = await _job(database, item.job_id)
    assert (job.status, job.failure_class) == ("FAILED", "size_limit_exceeded")
    assert "limit" in (job.error_message or "")


async def test_two_items_with_the_same_bytes_share_one_result(
    database: Database, batch: Batch
) -> None:
    items = [await claim(database, batch, position) for position in (1, 2)]

    await asyncio.gather(*(settle(database, item, completed("aa")) for item in items))

    async with database.read() as session:
        first, second = (await Ledger(session).walk(batch, 0, 9))[:2]
    assert first.result_id == second.result_id
    assert await _counts(database, batch) == Tally(completed=2)


async def test_racing_settlements_count_once(database: Database, batch: Batch) -> None:
    item = await claim(database, batch, 1)
    ways = [completed("aa"), failed(), completed("bb"), failed("timeout")]

    won = await asyncio.gather(*(settle(database, item, way) for way in ways))

    assert sorted(won) == [False, False, False, True]
    assert (await _counts(database, batch)).accounted == 1


async def test_many_items_settled_at_once_are_all_counted(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 40))
    await page(database, batch)

    await asyncio.gather(
        *(complete(database, batch, position, f"s{position}") for position in range(1, 41))
    )

    assert await _counts(database, batch) == Tally(completed=40)


async def test_computed_hash_is_stored_for_the_next_batch(database: Database, batch: Batch) -> None:
    await complete(database, batch, 1, "aa")
    item = await claim(database, batch, 2)
    assert item.sha256 is None
    async with database.read() as session:
        assert (await Ledger(session).walk(batch, 0, 1))[0].sha256 == "aa"
    other = await batch_over(database, await scanned(database, 4))
    await page(database, other, **{"limit": 4})
    async with database.read() as session:
        assert (await Ledger(session).walk(other, 0, 1))[0].status == "skipped"


async def test_hostile_message_is_truncated(database: Database, batch: Batch) -> None:
    item = await claim(database, batch, 1)
    assert await settle(database, item, failed(message="x\0\n" * 100_000))
    async with database.read() as session:
        (row, *_) = await Ledger(session).walk(batch, 0, 1)
    assert len(row.failure_message or "") <= 500
