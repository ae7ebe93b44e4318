"""Making a batch costs the same over any directory: nothing of the listing is read or written."""

from pathlib import Path

from sqlalchemy import event

from docmill.contracts import BatchSpec, JobSpec, JobType
from docmill.creation import create_batch
from docmill.records.database import Database
from docmill.settings import Settings
from tests.records.making import scanned


async def test_creating_a_batch_does_not_touch_its_files(
    database: Database, tmp_path: Path
) -> None:
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
