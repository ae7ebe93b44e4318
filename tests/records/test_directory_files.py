"""Directory files: idempotent uploads, versions, and frozen listings that do not change."""

import asyncio
from typing import Any

import pytest

from docmill.errors import ConflictError, NotFoundError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.tables.sources import Directory, DirectoryFile
from tests.records.making import (
    PROJECT,
    batch_over,
    claim,
    file_row,
    fresh,
    page,
    scanned,
)


@pytest.fixture
async def directory(database: Database) -> Directory:
    async with database.write() as session:
        return await Directories(session).create(PROJECT, "inbox")


async def _attach(
    database: Database, directory: Directory, name: str, sha256: str = "s", **options: Any
) -> DirectoryFile:
    async with database.write() as session:
        file, _ = await Files(session).create(file_row(name, sha256))
        return await DirectoryFiles(session).attach(PROJECT, directory.id, file, **options)


async def _names(database: Database, directory: Directory, **filters: Any) -> list[str]:
    async with database.read() as session:
        found = await DirectoryFiles(session).list(PROJECT, directory.id, **filters)
    return [row.unique_id for row in found.items]


async def _frozen(database: Database, directory: Directory) -> list[str]:
    batch = await batch_over(database, await fresh(database, directory))
    found = [item.name for item in (await page(database, batch)).items]
    assert len(found) == batch.total
    return found


async def test_upload_is_listed_immediately(database: Database, directory: Directory) -> None:
    row = await _attach(database, directory, "a.pdf", metadata={"year": 2026})
    async with database.read() as session:
        found = await DirectoryFiles(session).get(PROJECT, directory.id, row.id)
    assert (found.unique_id, found.display_name, found.size) == ("a.pdf", "a.pdf", 3)
    assert found.file_metadata == {"year": 2026}
    seen = await fresh(database, directory)
    assert (seen.sequence, seen.watermark, seen.live_count) == (1, 1, 1)


async def test_unique_id_defaults_to_the_external_id(
    database: Database, directory: Directory
) -> None:
    async with database.write() as session:
        file, _ = await Files(session).create(file_row(external_file_id="ext-7"))
        row = await DirectoryFiles(session).attach(PROJECT, directory.id, file)
    assert (row.unique_id, row.display_name) == ("ext-7", "a.pdf")


async def test_repeated_upload_changes_nothing(database: Database, directory: Directory) -> None:
    first = await _attach(database, directory, "a.pdf")
    again = await _attach(database, directory, "a.pdf")
    assert (again.id, again.sequence, again.file_id) == (first.id, first.sequence, first.file_id)
    assert (await fresh(database, directory)).live_count == 1


async def test_other_bytes_are_a_new_version_under_the_same_id(
    database: Database, directory: Directory
) -> None:
    first = await _attach(database, directory, "a.pdf", "one", metadata={"kept": True})
    batch = await batch_over(database, await fresh(database, directory))
    second = await _attach(database, directory, "a.pdf", "two", display_name="A")

    assert second.id == first.id
    assert (second.sequence, second.created_at) == (2, first.created_at)
    assert (second.file_metadata, second.display_name) == ({"kept": True}, "A")
    assert (await fresh(database, directory)).live_count == 1
    await page(database, batch)
    item = await claim(database, batch, 1)
    assert (item.sha256, item.object_key) == ("one", "uploads/a.pdf")
    assert (item.source, item.source_path) == (None, None)


async def test_concurrent_uploads_get_dense_distinct_sequences(
    database: Database, directory: Directory
) -> None:
    rows = await asyncio.gather(
        *(_attach(database, directory, f"{number}.pdf") for number in range(25))
    )
    assert sorted(row.sequence for row in rows) == list(range(1, 26))
    assert (await fresh(database, directory)).live_count == 25


async def test_racing_uploads_of_one_name_make_one_entry(
    database: Database, directory: Directory
) -> None:
    rows = await asyncio.gather(
        *(_attach(database, directory, "a.pdf", str(number % 2)) for number in range(8))
    )
    assert len({row.id for row in rows}) == 1
    assert await _names(database, directory) == ["a.pdf"]
    assert (await fresh(database, directory)).live_count == 1


async def test_frozen_listing_ignores_later_changes_of_entries(
    database: Database, directory: Directory
) -> None:
    rows = [await _attach(database, directory, name) for name in ("a", "b", "c")]
    batch = await batch_over(database, await fresh(database, directory))

    await _attach(database, directory, "a", "other")
    await _attach(database, directory, "d")
    async with database.write() as session:
        await DirectoryFiles(session).delete(PROJECT, directory.id, rows[1].id)

    assert [item.name for item in (await page(database, batch)).items] == ["a", "b", "c"]
    assert await _frozen(database, directory) == ["c", "a", "d"]


async def test_deleted_entry_is_not_listed_but_can_be_read_by_id(
    database: Database, directory: Directory
) -> None:
    row = await _attach(database, directory, "a")
    async with database.write() as session:
        await DirectoryFiles(session).delete(PROJECT, directory.id, row.id)
    assert await _names(database, directory) == []
    assert await _names(database, directory, include_deleted=True) == ["a"]
    assert (await fresh(database, directory)).live_count == 0
    async with database.write() as session:
        files = DirectoryFiles(session)
        assert (await files.find(PROJECT, row.id)).deleted_at is not None
        with pytest.raises(NotFoundError):
            await files.get(PROJECT, directory.id, row.id)
        with pytest.raises(NotFoundError):
            await files.delete(PROJECT, directory.id, row.id)
    assert (await _attach(database, directory, "a")).id != row.id


async def test_bulk_delete_is_all_or_nothing(database: Database, directory: Directory) -> None:
    rows = [await _attach(database, directory, name) for name in ("a", "b", "c")]
    async with database.write() as session:
        with pytest.raises(NotFoundError, match="dfl-none"):
            await DirectoryFiles(session).bulk_delete(
                PROJECT, directory.id, [rows[0].id, "dfl-none"]
            )
    assert await _names(database, directory) == ["a", "b", "c"]
    async with database.write() as session:
        await DirectoryFiles(session).bulk_delete(PROJECT, directory.id, [rows[0].id, rows[2].id])
    assert await _names(database, directory) == ["b"]


async def test_names_and_metadata_change_in_place(database: Database, directory: Directory) -> None:
    row = await _attach(database, directory, "a")
    async with database.write() as session:
        changed = await DirectoryFiles(session).update(
            PROJECT, directory.id, row.id, display_name="Renamed", metadata={"x": 1}
        )
    assert (changed.display_name, changed.file_metadata) == ("Renamed", {"x": 1})
    assert changed.sequence == row.sequence


async def test_new_unique_id_keeps_the_id_and_must_be_free(
    database: Database, directory: Directory
) -> None:
    row, _ = [await _attach(database, directory, name) for name in ("a", "b")]
    async with database.write() as session:
        changed = await DirectoryFiles(session).update(PROJECT, directory.id, row.id, unique_id="c")
        assert changed.id == row.id
        with pytest.raises(ConflictError, match="lists b already"):
            await DirectoryFiles(session).update(PROJECT, directory.id, row.id, unique_id="b")
    assert sorted(await _names(database, directory)) == ["b", "c"]


async def test_moved_entry_is_only_in_the_new_directory(
    database: Database, directory: Directory
) -> None:
    row = await _attach(database, directory, "a", metadata={"x": 1})
    async with database.write() as session:
        target = await Directories(session).create(PROJECT, "done")
        moved = await DirectoryFiles(session).update(
            PROJECT, directory.id, row.id, target_directory_id=target.id
        )
    assert (moved.id, moved.directory_id, moved.file_metadata) == (row.id, target.id, {"x": 1})
    assert await _names(database, directory, include_deleted=True) == []
    assert await _names(database, target) == ["a"]
    assert (await fresh(database, directory)).live_count == 0
    async with database.write() as session:
        assert (await DirectoryFiles(session).find(PROJECT, row.id)).directory_id == target.id
        ((place, _),) = await Batches(session).entry_versions(PROJECT, [row.id])
        assert place == target.id


async def test_concurrent_opposite_moves_do_not_deadlock(
    database: Database, directory: Directory
) -> None:
    async with database.write() as session:
        other = await Directories(session).create(PROJECT, "other")
    pairs = [(directory, other), (other, directory)] * 4
    rows = [
        await _attach(database, source, f"{number}") for number, (source, _) in enumerate(pairs)
    ]

    async def move(row: DirectoryFile, target: Directory) -> None:
        async with database.write() as session:
            await DirectoryFiles(session).update(
                PROJECT, row.directory_id, row.id, target_directory_id=target.id
            )

    targets = [target for _, target in pairs]
    await asyncio.gather(*(move(r, t) for r, t in zip(rows, targets, strict=True)))

    assert len(await _names(database, directory)) == len(await _names(database, other)) == 4


async def test_entries_of_a_source_cannot_be_changed_manually(database: Database) -> None:
    directory = await scanned(database, 1)
    with pytest.raises(ConflictError, match="come from its source"):
        await _attach(database, directory, "a")


async def test_lists_are_filtered_and_paged(database: Database, directory: Directory) -> None:
    rows = [await _attach(database, directory, f"{name}.pdf") for name in ("a", "b_1", "B%2", "c")]
    assert await _names(database, directory, unique_id="a.pdf") == ["a.pdf"]
    assert await _names(database, directory, display_name_contains="b") == ["b_1.pdf", "B%2.pdf"]
    assert await _names(database, directory, display_name_contains="%") == ["B%2.pdf"]
    assert await _names(database, directory, file_id=rows[3].file_id) == ["c.pdf"]
    assert await _names(database, directory, updated_from=rows[2].updated_at) == [
        "B%2.pdf",
        "c.pdf",
    ]
    assert await _names(database, directory, updated_to=rows[0].updated_at) == ["a.pdf"]
    async with database.read() as session:
        files = DirectoryFiles(session)
        first = await files.list(PROJECT, directory.id, limit=3)
        rest = await files.list(PROJECT, directory.id, limit=3, cursor=first.next)
        assert not (await files.list("prj-other", directory.id)).items
    assert [row.id for row in [*first.items, *rest.items]] == [row.id for row in rows]


async def test_directory_of_another_project_cannot_be_changed(
    database: Database, directory: Directory
) -> None:
    async with database.write() as session:
        file, _ = await Files(session).create(file_row())
        with pytest.raises(NotFoundError):
            await DirectoryFiles(session).attach("prj-other", directory.id, file)
