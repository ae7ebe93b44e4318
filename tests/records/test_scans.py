"""Scans are published atomically, and frozen listings do not change."""

import pytest
from sqlalchemy import event, func, select, update

from docmill.contracts.scans import ScannedEntry
from docmill.errors import NotFoundError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.scans import BLOCK, Scans, ScanSuperseded
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory, DirectoryFile, ScanMark
from tests.records.making import (
    PROJECT,
    batch_over,
    batch_row,
    entry,
    fresh,
    names,
    page,
    scan,
    scanned,
    source_directory,
)


async def _listed(database: Database, directory: Directory) -> list[str]:
    """What a batch created now would list."""
    return await _frozen(database, await batch_over(database, await fresh(database, directory)))


async def _frozen(database: Database, batch: Batch) -> list[str]:
    found = [item.name for item in (await page(database, batch, 0, 50_000)).items]
    assert len(found) == batch.total
    return found


async def _rows(database: Database, directory: Directory) -> dict[str, DirectoryFile]:
    async with database.read() as session:
        query = select(DirectoryFile).where(
            DirectoryFile.directory_id == directory.id, DirectoryFile.removed_sequence.is_(None)
        )
        return {row.unique_id: row for row in await session.scalars(query)}


async def test_first_scan_lists_everything(database: Database) -> None:
    directory = await source_directory(database)
    summary = await scan(database, directory, map(entry, names(5)), chunk=2)
    assert (summary.total, summary.new, summary.changed, summary.vanished_count) == (5, 5, 0, 0)
    assert await _listed(database, directory) == names(5)


async def test_unchanged_entry_keeps_its_row_and_hash(database: Database) -> None:
    directory = await scanned(database, 3)
    async with database.write() as session:
        await session.execute(update(DirectoryFile).values(sha256="learned"))
    before = await _rows(database, directory)

    summary = await scan(database, directory, map(entry, names(3)))

    assert (summary.total, summary.new, summary.changed) == (3, 0, 0)
    after = await _rows(database, directory)
    assert {n: (r.id, r.sequence, r.sha256) for n, r in after.items()} == {
        n: (r.id, r.sequence, "learned") for n, r in before.items()
    }


async def test_changed_entry_is_a_new_version_under_the_same_id(database: Database) -> None:
    directory = await scanned(database, 3)
    async with database.write() as session:
        await session.execute(update(DirectoryFile).values(sha256="learned"))
    before = (await _rows(database, directory))["000001.pdf"]

    changed = [entry("000000.pdf"), entry("000001.pdf", "2"), entry("000002.pdf")]
    summary = await scan(database, directory, changed)

    assert (summary.total, summary.new, summary.changed) == (3, 0, 1)
    after = (await _rows(database, directory))["000001.pdf"]
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert after.sequence > before.sequence
    assert (after.sha256, after.signature) == (None, "2")


async def test_vanished_entries_leave_the_listing_and_the_first_hundred_are_reported(
    database: Database,
) -> None:
    directory = await scanned(database, 205)
    summary = await scan(database, directory, [entry(names(205)[-1]), entry("new")])
    assert (summary.total, summary.new, summary.vanished_count) == (2, 1, 204)
    assert list(summary.vanished) == names(100)
    assert await _listed(database, directory) == [names(205)[-1], "new"]


async def test_returning_entry_has_its_old_id(database: Database) -> None:
    directory = await scanned(database, 2)
    first = (await _rows(database, directory))["000001.pdf"]
    await scan(database, directory, [entry("000000.pdf")])
    summary = await scan(database, directory, map(entry, names(2)))
    assert (summary.total, summary.new, summary.vanished_count) == (2, 1, 0)
    assert (await _rows(database, directory))["000001.pdf"].id == first.id


async def test_frozen_listing_ignores_later_scans(database: Database) -> None:
    directory = await scanned(database, 4)
    batch = await batch_over(database, directory)
    before = await page(database, batch, 0, 2)

    await scan(
        database, directory, [entry("000001.pdf", "2"), entry("000003.pdf"), entry("000009.pdf")]
    )

    assert await page(database, batch, 0, 2) == before
    assert await _frozen(database, batch) == names(4)
    assert await _listed(database, directory) == ["000003.pdf", "000001.pdf", "000009.pdf"]


async def test_scan_in_progress_is_invisible(database: Database) -> None:
    directory = await scanned(database, 2)
    async with database.write() as session:
        scan_id = await Scans(session).begin(directory.id)
        await Scans(session).add(directory.id, scan_id, [entry("000000.pdf", "2"), entry("x")])
    assert await _listed(database, directory) == names(2)
    assert (await fresh(database, directory)).live_count == 2


async def test_abandoned_scan_leaves_nothing_and_is_replaced_by_a_newer_one(
    database: Database,
) -> None:
    directory = await scanned(database, 2)
    async with database.write() as session:
        abandoned = await Scans(session).begin(directory.id)
        chunk = [entry("000000.pdf", "2"), entry("ghost")]
        await Scans(session).add(directory.id, abandoned, chunk)

    async with database.write() as session:
        current = await Scans(session).begin(directory.id)
    async with database.write() as session:
        scans = Scans(session)
        with pytest.raises(ScanSuperseded):
            await scans.add(directory.id, abandoned, [entry("late")])
        with pytest.raises(ScanSuperseded):
            await scans.publish(directory.id, abandoned)
        await scans.add(directory.id, current, [entry("000000.pdf"), entry("real")])
        summary = await scans.publish(directory.id, current)

    assert (summary.total, summary.new, summary.changed) == (2, 1, 0)
    assert summary.vanished == ("000001.pdf",)
    assert await _listed(database, directory) == ["000000.pdf", "real"]
    with pytest.raises(ScanSuperseded):
        async with database.write() as session:
            await Scans(session).publish(directory.id, current)


async def test_repeated_write_of_a_chunk_changes_nothing(database: Database) -> None:
    directory = await scanned(database, 2)
    chunk = [entry("000000.pdf", "2"), entry("000001.pdf"), entry("new")]
    async with database.write() as session:
        scan_id = await Scans(session).begin(directory.id)
    for _ in range(2):
        async with database.write() as session:
            await Scans(session).add(directory.id, scan_id, chunk)
    async with database.write() as session:
        # The file changed once more before the chunk came again.
        await Scans(session).add(directory.id, scan_id, [entry("new", "9"), entry("new", "9")])
    async with database.write() as session:
        summary = await Scans(session).publish(directory.id, scan_id)

    assert (summary.total, summary.new, summary.changed, summary.vanished_count) == (3, 1, 1, 0)
    assert (await _rows(database, directory))["new"].signature == "9"
    assert await _listed(database, directory) == ["000001.pdf", "000000.pdf", "new"]


async def test_names_that_are_not_utf8_keep_their_raw_bytes(database: Database) -> None:
    directory = await source_directory(database)
    odd = ScannedEntry("caf\\xe9~1234", "caf\\xe9", b"caf\xe9", size=1, signature="1")
    await scan(database, directory, [odd])
    assert (await _rows(database, directory))["caf\\xe9~1234"].source_path == b"caf\xe9"


@pytest.mark.integration  # large: the unit tier takes under a minute
async def test_scan_of_many_unchanged_files_writes_few_small_rows(database: Database) -> None:
    count = 20_000
    directory = await scanned(database, count)
    written: list[str] = []
    event.listen(
        database.writer.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: written.append(statement),
    )

    async with database.write() as session:
        scan_id = await Scans(session).begin(directory.id)
    for start in range(0, count, 1000):
        async with database.write() as session:
            chunk = [entry(name) for name in names(count)[start : start + 1000]]
            await Scans(session).add(directory.id, scan_id, chunk)
    async with database.read() as session:
        blocks = await session.scalar(select(func.count()).select_from(ScanMark))
    async with database.write() as session:
        summary = await Scans(session).publish(directory.id, scan_id)

    assert blocks == count // BLOCK + 1
    assert (summary.total, summary.new, summary.vanished_count) == (count, 0, 0)
    assert not [statement for statement in written if "INTO directory_files" in statement]
    assert len(written) < 250


async def test_each_source_is_one_directory(database: Database) -> None:
    first = await source_directory(database, "/a")
    assert (await source_directory(database, "/a")).id == first.id
    assert (await source_directory(database, "/b")).id != first.id
    async with database.write() as session:
        await Directories(session).delete(PROJECT, first.id)
    assert (await source_directory(database, "/a")).id != first.id


async def test_scan_of_an_unknown_directory_is_rejected(database: Database) -> None:
    async with database.write() as session:
        with pytest.raises(NotFoundError):
            await Scans(session).begin("dir-none")


async def test_named_items_keep_their_version(database: Database) -> None:
    directory = await scanned(database, 2)
    first = (await _rows(database, directory))["000000.pdf"]
    async with database.write() as session:
        entry_versions = await Batches(session).entry_versions(PROJECT, [first.id])
        batch, _ = await Batches(session).create(batch_row(total=1))
        await Batches(session).add_listing(batch.id, entry_versions)
    await scan(database, directory, [entry("000000.pdf", "2")])
    async with database.write() as session:
        await Batches(session).add_listing(batch.id, entry_versions)

    await page(database, batch)

    async with database.read() as session:
        query = select(DirectoryFile.signature).where(
            DirectoryFile.directory_id == directory.id, DirectoryFile.sequence == first.sequence
        )
        assert await session.scalar(query) == "1"
    assert await _frozen(database, batch) == ["000000.pdf"]
