"""The schema is built only by migrations, by one process at a time."""

import asyncio
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from docmill.errors import UsageError
from docmill.records import migrations
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.base import Table


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Table.metadata))


# SQLite cannot reflect an index over an expression; PostgreSQL compares these, too.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
async def test_migrations_build_exactly_the_tables_of_the_models(database: Database) -> None:
    async with database.writer.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_second_migration_changes_nothing(database: Database) -> None:
    await database.migrate()
    await database.ping()


async def test_known_head_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


async def test_database_of_a_newer_program_is_rejected(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(UsageError, match="9999") as raised:
        await database.migrate()

    assert "Upgrade Docmill" in raised.value.hint


async def _migrate_once(url: str) -> None:
    database = Database(url, EVERY_PROJECT)
    await database.migrate()
    await database.close()


def _migrate_in_process(url: str, start: Any) -> None:
    start.wait()
    asyncio.run(_migrate_once(url))


def test_processes_that_migrate_at_once_all_succeed(database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    processes = [
        context.Process(target=_migrate_in_process, args=(database_url, start)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
