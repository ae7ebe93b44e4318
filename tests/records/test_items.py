"""Listing the items of a batch, and ending the remaining items of a cancelled batch."""

import itertools

import pytest

from docmill.contracts.words import Tally
from docmill.records.batches import Batches, FileInFlight
from docmill.records.database import Database
from docmill.records.jobs import Jobs
from docmill.records.ledger import Ledger
from tests.records.making import (
    PROJECT,
    batch_over,
    claim,
    complete,
    failed,
    names,
    page,
    scanned,
    settle,
)


async def test_item_lists_are_paged_by_key_by_offset_and_by_status(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 7))
    await page(database, batch, 0, 3)
    await complete(database, batch, 1, "s1")
    await claim(database, batch, 2)
    async with database.read() as session:
        ledger = Ledger(session)
        every = await ledger.items(batch, limit=100)
        assert [row.status for row in every] == ["completed", "processing", *["pending"] * 5]
        assert [row.job_id is not None for row in every] == [True, True, *[False] * 5]
        assert await ledger.items(batch, after=3, limit=2) == every[3:5]
        assert await ledger.items(batch, offset=5, limit=9) == every[5:]
        assert await ledger.items(batch, status="pending", limit=2, offset=1) == every[3:5]
        assert await ledger.items(batch, status="completed", limit=9) == every[:1]
        assert await ledger.walk(batch, 2, 3) == every[2:5]
        assert await ledger.unaccounted(batch, 3) == names(7)[1:4]
        counted = {status: await ledger.count(batch, status) for status in _STATES}
        assert await Batches(session).in_flight(batch.id) == [FileInFlight(names(2)[1])]
    assert counted == dict(zip(_STATES, (7, 5, 1, 1, 0, 0, 0), strict=True))


_STATES = (None, "pending", "processing", "completed", "failed", "skipped", "cancelled")


async def test_failures_are_grouped_with_an_example(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 5))
    await page(database, batch)
    classes = ["corrupt", "timeout", "corrupt", "corrupt"]
    for position, failure_class in zip(itertools.count(2), classes, strict=False):
        item = await claim(database, batch, position)
        await settle(database, item, failed(failure_class, f"at {position}"))
    async with database.read() as session:
        groups = await Ledger(session).failure_groups(batch)
    assert [(g.failure_class, g.count, g.example_path, g.example_message) for g in groups] == [
        ("corrupt", 3, "000001.pdf", "at 2"),
        ("timeout", 1, "000002.pdf", "at 3"),
    ]


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_cancel_of_the_rest_ends_every_listed_item_once(
    database: Database, limit: int
) -> None:
    batch = await batch_over(database, await scanned(database, 8))
    await page(database, batch, 0, 4)
    await complete(database, batch, 1, "s1")
    held = await claim(database, batch, 2)

    chunks: list[int] = []
    while not chunks or chunks[-1]:
        async with database.write() as session:
            chunks.append(await Ledger(session).cancel_rest(batch, limit))

    assert sum(chunks) == 7
    assert max(chunks) <= limit
    assert not await settle(database, held, failed())
    async with database.read() as session:
        rows = await Ledger(session).walk(batch, 0, 100)
        job = await Jobs(session).get(PROJECT, held.job_id)
        counts = (await Batches(session).counts([batch.id]))[batch.id]
        assert counts == await Ledger(session).tally(batch) == Tally(completed=1, cancelled=7)
        assert await Ledger(session).unaccounted(batch, 5) == []
    assert [row.status for row in rows] == ["completed", *["cancelled"] * 7]
    assert {row.failure_class for row in rows[1:]} == {"cancelled"}
    assert job.status == "CANCELLED"
    assert rows[7].job_id is None


async def test_cancel_of_the_rest_includes_items_without_ledger_rows(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 6))
    await page(database, batch, 4, 2)
    async with database.write() as session:
        done = [await Ledger(session).cancel_rest(batch, 100) for _ in range(3)]
    assert done == [2, 4, 0]
