"""Creating a batch reads and writes no row of its listing, so its cost is constant."""

from pathlib import Path

from sqlalchemy import Engine, event

from docmill.batches.create import create_batch
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.words import JobType
from docmill.records.database import Database
from docmill.records.directory_files import DirectoryFiles
from docmill.records.tables.sources import Directory
from docmill.settings import Settings
from tests.records.making import PROJECT, scanned


async def test_batch_creation_does_not_touch_its_files(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    directories = [await scanned(database, n, f"/{n}") for n in (1, 2_500)]
    statements: list[str] = []
    event.listen(
        database.writer.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    costs = []
    for directory in directories:
        statements.clear()
        spec = BatchSpec(source_directory_id=directory.id, job=JobSpec(type=JobType.PARSE))
        batch, _ = await create_batch(database, settings, spec)
        costs.append(list(statements))
        assert batch.total == directory.live_count
    assert costs[0] == costs[1]
    assert not [statement for statement in costs[1] if "directory_files" in statement]


async def test_batch_creation_is_one_transaction(database: Database, tmp_path: Path) -> None:
    directory = await scanned(database, 3)
    items = (await _entry_id(database, directory),)
    begun: list[object] = []
    noted = begun.append
    event.listen(Engine, "begin", noted)
    try:
        for spec in (BatchSpec(source_directory_id=directory.id), BatchSpec(item_ids=items)):
            begun.clear()
            await create_batch(database, Settings(home=tmp_path), spec)
            assert len(begun) == 1
    finally:
        event.remove(Engine, "begin", noted)


async def _entry_id(database: Database, directory: Directory) -> str:
    async with database.read() as session:
        found = await DirectoryFiles(session).list(PROJECT, directory.id, limit=1)
    return found.items[0].id
