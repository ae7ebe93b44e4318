"""Pages are ranges of the frozen listing and are equal whenever they are requested."""

import pytest
from sqlalchemy import event, func, select, update

from docmill.contracts.words import Tally
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.jobs import Jobs
from docmill.records.ledger import Ledger, StaleItem
from docmill.records.tables.batches import Batch, BatchItem
from docmill.records.tables.sources import DirectoryFile, Project
from tests.records.making import (
    PROJECT,
    batch_over,
    batch_row,
    claim,
    complete,
    failed,
    fresh,
    names,
    page,
    scanned,
    settle,
)


async def _all_names(database: Database, batch: Batch, limit: int) -> list[str]:
    found: list[str] = []
    after, more = 0, True
    while more:
        got = await page(database, batch, after, limit)
        found += [item.name for item in got.items]
        after, more = got.cursor, got.more
    return found


async def _ledger_rows(database: Database, batch: Batch) -> int:
    async with database.read() as session:
        query = select(func.count()).where(BatchItem.batch_id == batch.id)
        return await session.scalar(query) or 0


async def _learn(database: Database, batch: Batch, sha256: dict[int, str]) -> None:
    """Pretend that the bytes of these positions were read before."""
    async with database.write() as session:
        for sequence, value in sha256.items():
            await session.execute(
                update(DirectoryFile)
                .where(
                    DirectoryFile.directory_id == batch.directory_id,
                    DirectoryFile.sequence == sequence,
                )
                .values(sha256=value)
            )


@pytest.mark.parametrize(("files", "limit"), [(0, 3), (1, 3), (3, 3), (4, 3), (7, 3), (7, 100)])
async def test_every_listed_file_is_on_exactly_one_page(
    database: Database, files: int, limit: int
) -> None:
    batch = await batch_over(database, await scanned(database, files))
    assert await _all_names(database, batch, limit) == names(files)
    assert await _ledger_rows(database, batch) == files


async def test_last_page_is_marked_as_last(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 4))
    assert (await page(database, batch, 0, 2)).more
    assert not (await page(database, batch, 2, 2)).more
    beyond = await page(database, batch, 4, 2)
    assert (beyond.items, beyond.cursor, beyond.more) == ((), 4, False)


async def test_page_requested_twice_is_equal_and_writes_nothing(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 5))
    first = await page(database, batch, 1, 3)
    assert await page(database, batch, 1, 3) == first
    assert await _ledger_rows(database, batch) == 3


async def test_page_of_another_epoch_is_rejected(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    with pytest.raises(StaleItem):
        await page(database, batch, epoch=7)


async def test_long_name_is_truncated_in_the_history(database: Database) -> None:
    directory = await scanned(database, 1)
    async with database.write() as session:
        await session.execute(update(DirectoryFile).values(display_name="x" * 5000))
    got = await page(database, await batch_over(database, directory))
    assert got.items[0].name == "x" * 80


async def test_items_finished_before_a_restart_are_counted_and_not_repeated(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 6))
    await page(database, batch)
    for position in (1, 2, 4):
        await complete(database, batch, position, f"s{position}")
    await settle(database, await claim(database, batch, 5), failed())
    await claim(database, batch, 6)

    again = await page(database, batch)

    assert [item.position for item in again.items] == [3, 6]
    assert again.settled == Tally(completed=3, failed=1)
    counted_before = await page(database, batch, count_after=2)
    assert counted_before.settled == Tally(completed=1, failed=1)


async def test_sweep_returns_only_items_without_an_outcome(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 6))
    await page(database, batch, 0, 4)
    for position in (1, 2, 4):
        await complete(database, batch, position, f"s{position}")

    swept = await page(database, batch, 0, 2, unfinished_only=True)
    rest = await page(database, batch, swept.cursor, 2, unfinished_only=True)

    assert [item.position for item in swept.items] == [3, 5]
    assert swept.more
    assert [item.position for item in rest.items] == [6]
    assert (swept.settled, rest.more) == (Tally(), False)


async def test_known_bytes_with_a_stored_result_are_skipped_without_an_activity(
    database: Database,
) -> None:
    done = await batch_over(database, await scanned(database, 3))
    await page(database, done)
    for position in (1, 2):
        await complete(database, done, position, f"s{position}")
    again = await batch_over(database, await fresh(database, await scanned(database, 3)))

    got = await page(database, again)

    assert [item.position for item in got.items] == [3]
    assert got.settled == Tally(skipped=2)
    async with database.read() as session:
        row = (await Ledger(session).walk(again, 0, 1))[0]
        counts = (await Batches(session).counts([again.id]))[again.id]
        job = await Jobs(session).get(PROJECT, row.job_id or "")
        assert counts == await Ledger(session).tally(again) == Tally(skipped=2)
    assert (row.status, row.skip_reason, row.sha256) == ("skipped", "already_processed", "s1")
    assert (row.pages_total, row.partial, row.engine) == (3, True, "liteparse")
    assert row.object_prefix == "results/s1"
    assert (job.status, job.result_id) == ("COMPLETED", row.result_id)


async def test_page_that_skipped_items_is_equal_when_requested_again(
    database: Database,
) -> None:
    done = await batch_over(database, await scanned(database, 3))
    await page(database, done)
    await complete(database, done, 1, "s1")
    again = await batch_over(database, await scanned(database, 3))

    first = await page(database, again)

    assert await page(database, again) == first
    async with database.read() as session:
        assert (await Batches(session).counts([again.id]))[again.id] == Tally(skipped=1)


async def test_disabled_cache_processes_every_item_again(database: Database) -> None:
    done = await batch_over(database, await scanned(database, 2))
    await page(database, done)
    await complete(database, done, 1, "s1")
    again = await batch_over(
        database, await scanned(database, 2), parameters={"disable_cache": True}
    )
    assert len((await page(database, again)).items) == 2


async def test_next_page_does_not_skip_a_claimed_item(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 2))
    await page(database, batch)
    held = await claim(database, batch, 1)
    await complete(database, batch, 2, "same")
    await _learn(database, batch, {1: "same"})

    got = await page(database, batch)

    assert [item.position for item in got.items] == [1]
    assert await settle(database, held, failed())


async def test_results_of_another_project_are_not_shared(database: Database) -> None:
    done = await batch_over(database, await scanned(database, 1))
    await page(database, done)
    await complete(database, done, 1, "s1")
    again = await batch_over(database, await scanned(database, 1))
    async with database.write() as session:
        session.add(Project(id="prj-other", name="Other", organization_id="org"))
        await session.flush()
        await Batches(session).set_state(again.id, project_id="prj-other")
        again = await Batches(session).get(None, again.id)

    assert len((await page(database, again)).items) == 1


@pytest.mark.integration  # large: the unit tier takes under a minute
async def test_page_cost_does_not_depend_on_its_position(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 20_000))
    statements: list[str] = []
    event.listen(
        database.writer.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    costs = []
    for after in (0, 10_000, 19_900):
        statements.clear()
        got = await page(database, batch, after, 100)
        assert len(got.items) == 100
        costs.append([s for s in statements if "BEGIN" not in s])
    assert costs[0] == costs[1] == costs[2]
    assert len(costs[0]) <= 3


async def test_individually_named_items_are_paged_in_their_order(database: Database) -> None:
    directory = await scanned(database, 5)
    async with database.read() as session:
        query = select(DirectoryFile.id).order_by(DirectoryFile.sequence.desc())
        ids = list(await session.scalars(query))
    async with database.write() as session:
        entry_versions = await Batches(session).entry_versions(PROJECT, [*ids, ids[0]])
        assert len(entry_versions) == directory.live_count == 5
        batch, _ = await Batches(session).create(batch_row(total=5))
        await Batches(session).add_listing(batch.id, entry_versions)

    assert await _all_names(database, batch, 2) == names(5)[::-1]
