"""Several items are claimed or settled in one transaction, each with a separate outcome."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from docmill.contracts.items import ItemTask, PageRequest
from docmill.contracts.words import Outcome, SkipReason, Tally
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.held_items import must_stop
from docmill.records.items import group_claim
from docmill.records.ledger import Claim, ClaimedItem, Ledger, NotBegun, ReadBytes, Settlement
from docmill.records.listing import Listed
from docmill.records.pages import ListingPages
from docmill.records.results import result_id_of
from docmill.records.tables.batches import Batch
from tests.records.making import (
    batch_over,
    claim,
    complete,
    completed,
    failed,
    key_of,
    new_result,
    page,
    scanned,
)


@pytest.fixture
async def batch(database: Database) -> Batch:
    return await _batch(database, 6)


async def _batch(database: Database, count: int, folder: str = "/in") -> Batch:
    batch = await batch_over(database, await scanned(database, count, folder))
    await page(database, batch)
    return batch


def _read(sha256: str) -> ReadBytes:
    return ReadBytes(sha256, key_of(sha256), lease_seconds=60)


async def _claim(
    database: Database, batch: Batch, hashes: dict[int, str | None], worker: str = "worker"
) -> dict[int, Claim]:
    wanted = [
        (
            ItemTask(batch_id=batch.id, epoch=1, position=position),
            None if sha256 is None else _read(sha256),
        )
        for position, sha256 in hashes.items()
    ]
    async with database.write() as session:
        return await Ledger(session).claim(wanted, worker)


def _claimed(claims: dict[int, Claim]) -> list[ClaimedItem]:
    return [item for item in claims.values() if isinstance(item, ClaimedItem)]


def _completed(item: ClaimedItem, sha256: str) -> Settlement:
    """An own result of this attempt."""
    prefix = f"results/{item.position}-{item.attempt}."
    return replace(completed(sha256), result=replace(new_result(sha256), object_prefix=prefix))


async def _settle(
    database: Database, settling: Sequence[tuple[ClaimedItem, Settlement]]
) -> tuple[frozenset[int], tuple[str, ...]]:
    async with database.write() as session:
        settled = await Ledger(session).settle(settling)
    return settled.positions, settled.unnamed


async def _statuses(database: Database, batch: Batch) -> list[str]:
    async with database.read() as session:
        assert (await Batches(session).counts([batch.id]))[batch.id] == await Ledger(session).tally(
            batch
        )
        return [row.status for row in await Ledger(session).walk(batch, 0, 1000)]


async def test_claim_returns_a_result_for_each_item(database: Database, batch: Batch) -> None:
    await complete(database, batch, 1, "stored")
    other = await _batch(database, 1, "/other")
    await _claim(database, other, {1: "held"})

    claims = await _claim(
        database, batch, {6: None, 5: "same", 4: "same", 3: "held", 2: "stored", 1: None}
    )

    assert claims[1] is Outcome.COMPLETED
    assert claims[2] is Outcome.SKIPPED, "it shares the stored result at once"
    assert claims[3] is NotBegun.BEING_MADE, "an item of another batch makes it"
    assert claims[5] is NotBegun.BEING_MADE, "the item before it makes it"
    assert [item.position for item in _claimed(claims)] == [4, 6]
    statuses = ["completed", "skipped", "pending", "processing", "pending", "processing"]
    assert await _statuses(database, batch) == statuses


async def test_new_claim_has_the_lease_of_the_lost_attempt(
    database: Database, batch: Batch
) -> None:
    await _claim(database, batch, {1: "aa"}, "killed")
    (item,) = _claimed(await _claim(database, batch, {1: "aa"}, "other"))
    assert (item.attempt, item.worker_losses) == (2, 1)
    assert (await _claim(database, batch, {2: "aa"}))[2] is NotBegun.BEING_MADE


async def test_stale_claim_drops_only_its_own_row_and_names_its_files(
    database: Database, batch: Batch
) -> None:
    items = _claimed(await _claim(database, batch, {1: "a", 2: "b", 3: "c"}))
    await claim(database, batch, 2, "another")

    settled = await _settle(database, [(item, _completed(item, str(item))) for item in items[::-1]])

    assert settled == (frozenset({1, 3}), ("results/2-1.",))
    assert (await _statuses(database, batch))[:3] == ["completed", "processing", "completed"]


async def test_repeated_settlement_names_no_files_for_removal(
    database: Database, batch: Batch
) -> None:
    """Whoever lost the answer of the database asks again."""
    (item,) = _claimed(await _claim(database, batch, {1: "a"}))
    assert await _settle(database, [(item, _completed(item, "a"))]) == (frozenset({1}), ())
    assert await _settle(database, [(item, _completed(item, "a"))]) == (frozenset(), ())


async def test_settlement_names_files_for_removal_when_the_result_is_stored_already(
    database: Database, batch: Batch
) -> None:
    items = _claimed(await _claim(database, batch, {1: None, 2: None}))
    settling = [(item, replace(_completed(item, "a"), cleaned_attempts=1)) for item in items]

    assert await _settle(database, settling) == (frozenset({1, 2}), ("results/2-1.",))

    async with database.read() as session:
        rows = (await Ledger(session).walk(batch, 0, 2))[:2]
        unclean = await Ledger(session).unclean(batch, 0, 10)
    assert {row.object_prefix for row in rows} == {"results/1-1."}
    assert [(it.position, list(it.attempts)) for it in unclean] == [(2, [1])], "until they are"


async def test_items_of_one_settlement_can_have_different_outcomes(
    database: Database, batch: Batch
) -> None:
    items = _claimed(await _claim(database, batch, {1: "a", 2: "b", 3: "c"}))
    ways = [_completed(items[0], "a"), failed(), Settlement(outcome=Outcome.CANCELLED)]
    await _settle(database, list(zip(items, ways, strict=True)))
    assert (await _statuses(database, batch))[:3] == ["completed", "failed", "cancelled"]


@contextmanager
def _counting(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_claim_and_settlement_take_as_many_statements_for_many_items_as_for_one(
    database: Database,
) -> None:
    batch = await _batch(database, 60)
    counts = []
    for positions in (range(1, 2), range(2, 60)):
        with _counting(database) as statements:
            items = _claimed(await _claim(database, batch, {n: f"s{n}" for n in positions}))
            await _settle(database, [(it, _completed(it, f"s{it.position}")) for it in items])
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert (await _statuses(database, batch)).count("completed") == 59


async def test_overlapping_claims_and_settlements_never_deadlock(
    database: Database,
) -> None:
    """On PostgreSQL, locks that are not taken in one order end in deadlocks."""
    batch = await _batch(database, 40)
    shuffle = random.Random(7)

    async def work(worker: str) -> int:
        done = 0
        for _ in range(4):
            positions = shuffle.sample(range(1, 41), 25)
            claims = await _claim(database, batch, dict.fromkeys(positions), worker)
            settling = [(it, _completed(it, f"s{it.position % 7}")) for it in _claimed(claims)]
            shuffle.shuffle(settling)
            done += len((await _settle(database, settling))[0]) if settling else 0
        return done

    done = sum(await asyncio.gather(*(work(f"worker-{number}") for number in range(6))))
    statuses = await _statuses(database, batch)
    assert statuses.count("completed") == done
    async with database.read() as session:
        assert (await Ledger(session).tally(batch)) == Tally(completed=done)


GROUP = group_claim("worker", "g1")


async def test_group_claims_no_item_that_a_lost_worker_held(
    database: Database, batch: Batch
) -> None:
    await _claim(database, batch, {1: "a", 2: "b"}, group_claim("killed", "g0"))
    await _claim(database, batch, {3: "c"}, "killed")
    claims = await _claim(database, batch, dict.fromkeys(range(1, 5)), GROUP)
    assert [claims[n] for n in (1, 2, 3)] == [NotBegun.ALONE] * 3
    assert [item.position for item in _claimed(claims)] == [4]
    statuses = ["pending", "pending", "processing", "processing", "pending", "pending"]
    assert await _statuses(database, batch) == statuses, (
        "a single item's claim stays, to be charged"
    )
    planned = await _alone(database, batch)
    assert planned == {1, 2}, "a later page plans them alone"


async def test_retried_group_claims_its_own_items_again(database: Database, batch: Batch) -> None:
    await _claim(database, batch, {1: "a"}, GROUP)
    (item,) = _claimed(await _claim(database, batch, {1: "a"}, group_claim("worker", "g2")))
    assert (item.attempt, item.worker_losses) == (2, 0)


async def test_item_of_a_lost_group_counts_no_worker_loss(database: Database, batch: Batch) -> None:
    await _claim(database, batch, {1: "a"}, group_claim("killed", "g0"))
    (item,) = _claimed(await _claim(database, batch, {1: "a"}, "worker"))
    assert (item.attempt, item.worker_losses) == (2, 0)
    (again,) = _claimed(await _claim(database, batch, {1: "a"}, "third"))
    assert again.worker_losses == 1, "now it ran by itself"


async def test_item_settles_with_the_result_stored_in_the_same_transaction(
    database: Database, batch: Batch
) -> None:
    claims = await _claim(database, batch, {1: "same", 2: "same"}, GROUP)
    (maker,) = _claimed(claims)
    assert claims[2] is NotBegun.BEING_MADE
    async with database.read() as session:
        task = ItemTask(batch_id=batch.id, epoch=1, position=2)
        peeked = await Ledger(session).peek([task])
    shared = Settlement(
        outcome=Outcome.SKIPPED,
        sha256="same",
        existing_result_id=result_id_of(maker.project_id, key_of("same")),
        skip_reason=SkipReason.ALREADY_PROCESSED,
    )
    settling = [(maker, _completed(maker, "same")), (peeked[2].item, shared)]
    assert (await _settle(database, settling))[0] == {1, 2}
    assert (await _statuses(database, batch))[:2] == ["completed", "skipped"]


@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ({}, False),
        ({"paused": True}, True),
        ({"cancel_requested": True}, True),
        ({"epoch": 2}, True),
    ],
)
async def test_group_stops_when_its_batch_is_paused_ended_or_redriven(
    database: Database, batch: Batch, change: dict[str, Any], stops: bool
) -> None:
    async with database.write() as session:
        await Batches(session).set_state(batch.id, **change)
        assert await must_stop(session, batch.id, 1) is stops


async def _alone(database: Database, batch: Batch) -> set[int]:
    """Positions that the next page plans alone."""
    planned: list[Listed] = []

    def plan(rows: Sequence[Listed], _last: bool) -> tuple[tuple[()], tuple[()]]:
        planned.extend(rows)
        return (), ()

    request = PageRequest(batch_id=batch.id, epoch=1, after=0, limit=100)
    async with database.write() as session:
        await ListingPages(session).next_page(batch, request, key_of, plan)
    return {row.position for row in planned if row.alone}
