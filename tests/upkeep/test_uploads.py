"""Uploaded bytes: purged when nothing lists them, stored again by the next upload."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from docmill.contracts.retention import RetentionReport
from docmill.ids import Prefix, new_id
from docmill.objects.documents import store_document
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Directory, File
from docmill.upkeep.retention import KEPT_AFTER_DELETE, retain
from tests.fixtures.mill import Mill
from tests.records.making import PROJECT, batch_over

NOW = datetime.now(UTC)
LATER = NOW + KEPT_AFTER_DELETE + timedelta(hours=1)
BYTES = b"the same bytes wherever they are uploaded"
SHA256 = hashlib.sha256(BYTES).hexdigest()


async def _retain(mill: Mill, at: datetime) -> RetentionReport:
    return await retain(mill.database, mill.store, mill.settings, at)


async def _directory(database: Database, name: str, kind: str = "ephemeral") -> Directory:
    over = NOW - timedelta(minutes=1)
    async with database.write() as session:
        return await Directories(session).create(
            PROJECT, name, id=f"dir-{name}", type=kind, expires_at=over
        )


async def _uploaded(
    mill: Mill, scratch: Path, directory: Directory | None, purpose: str | None = None
) -> File:
    """Upload `BYTES`, as every way of uploading does."""
    path = scratch / "upload"
    path.write_bytes(BYTES)
    what = (mill.store, PROJECT, SHA256, len(BYTES), path)
    file = File(
        id=new_id(Prefix.FILE),
        project_id=PROJECT,
        name="a.txt",
        size=len(BYTES),
        sha256=SHA256,
        object_key=await store_document(*what),
        purpose=purpose,
    )
    async with mill.database.write() as session:
        file, _ = await Files(session).create(file)
        if directory is not None:
            entries = DirectoryFiles(session)
            await entries.attach(PROJECT, directory.id, file, unique_id="a.txt")
    await store_document(*what)
    return file


async def _there(mill: Mill, file: File) -> bool:
    return await mill.store.size(file.object_key) is not None


async def test_ephemeral_bytes_are_purged_a_day_after_their_directory_unless_in_use(
    mill: Mill, tmp_path: Path
) -> None:
    directory = await _directory(mill.database, "short")
    file = await _uploaded(mill, tmp_path, directory)
    batch = await batch_over(mill.database, directory)
    assert (await _retain(mill, NOW)).directories == 0
    assert (await _retain(mill, LATER)).files == 0

    async with mill.database.write() as session:
        await session.execute(update(Batch).where(Batch.id == batch.id).values(status="COMPLETED"))
    assert (await _retain(mill, NOW)).directories == 1
    assert (await _retain(mill, NOW)).files == 0, "not on the same day"
    assert await _there(mill, file)
    assert (await _retain(mill, LATER)).files == 1
    assert not await _there(mill, file)
    assert (await _retain(mill, LATER)).files == 0


@pytest.mark.parametrize("other", ["kept", "expired"])
async def test_shared_bytes_are_purged_only_with_their_last_file(
    mill: Mill, tmp_path: Path, other: str
) -> None:
    first = await _uploaded(mill, tmp_path, await _directory(mill.database, "one"))
    second = await _directory(mill.database, "two", "user" if other == "kept" else "ephemeral")
    await _uploaded(mill, tmp_path, second)
    assert (await _retain(mill, NOW)).directories == (1 if other == "kept" else 2)
    assert (await _retain(mill, LATER)).files == (1 if other == "kept" else 2)
    assert await _there(mill, first) == (other == "kept")


async def test_uploaded_file_is_purged_only_after_it_was_deleted(
    mill: Mill, tmp_path: Path
) -> None:
    file = await _uploaded(mill, tmp_path, None, purpose="user_data")
    assert (await _retain(mill, LATER)).files == 0
    async with mill.database.write() as session:
        await Files(session).delete(PROJECT, file.id)
    assert (await _retain(mill, NOW)).files == 0
    assert (await _retain(mill, LATER)).files == 1
    assert not await _there(mill, file)


async def test_bytes_uploaded_during_their_purge_are_stored_again(
    mill: Mill, tmp_path: Path
) -> None:
    old = await _uploaded(mill, tmp_path, await _directory(mill.database, "old"))
    await _retain(mill, NOW)
    (tmp_path / "again").write_bytes(BYTES)
    what = (mill.store, PROJECT, SHA256, len(BYTES), tmp_path / "again")
    await store_document(*what)  # they are there, so nothing is written
    assert (await _retain(mill, LATER)).files == 1
    assert not await _there(mill, old)
    await store_document(*what)  # what every upload does once its row is committed
    assert await _there(mill, old)


async def test_file_with_purged_bytes_is_restored_by_its_next_upload(
    mill: Mill, tmp_path: Path
) -> None:
    file = await _uploaded(mill, tmp_path, await _directory(mill.database, "gone"))
    await _retain(mill, NOW)
    await _retain(mill, LATER)
    new = File(
        id=file.id,
        project_id=PROJECT,
        name=file.name,
        size=file.size,
        sha256=SHA256,
        object_key=file.object_key,
    )
    async with mill.database.write() as session:
        known, is_new = await Files(session).create(new)
    assert not is_new
    assert (known.object_key, known.deleted_at) == (file.object_key, None)
