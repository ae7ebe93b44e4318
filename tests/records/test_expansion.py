"""Deploying without stopping: migrations expand the schema, and running processes go on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from temporalio.client import Client

from docmill.contracts.words import BatchStatus
from docmill.errors import UsageError
from docmill.records import migrations
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from tests.cli.starting import Cli
from tests.fixtures.mill import Mill, settings_for, write_texts

pytestmark = pytest.mark.integration

CONTRACTING = {
    "0009": "the table jobs became a reading of the ledger",
}
"""Revisions that take away or demand something, so that older workers have to be stopped before.

A new line needs a line in the changelog that says so. Better expand in one release, and contract
in the next one."""

NEXT = (
    "ALTER TABLE batches ADD COLUMN a_later_column VARCHAR",
    "ALTER TABLE batch_items ADD COLUMN a_later_number INTEGER",
    "CREATE TABLE later_things (id VARCHAR PRIMARY KEY, batch_id VARCHAR REFERENCES batches(id))",
    "CREATE INDEX ix_batch_items_later ON batch_items (finished_at)",
    "UPDATE alembic_version SET version_num = '9999'",
)
"""A revision of a later release, as `CONTRACTING` asks for."""


async def test_migrations_only_expand_the_schema(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    database = Database(sqlite_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    revisions = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]

    def upgraded(connection: Connection, revision: str) -> dict[str, Any]:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return _schema(connection)

    found: dict[str, list[str]] = {}
    before: dict[str, Any] = {}
    for revision in reversed(revisions):
        async with database.writer.begin() as connection:
            after = await connection.run_sync(upgraded, revision)
        if changes := list(_contractions(before, after)):
            found[revision] = changes
        before = after
    await database.close()

    assert found.keys() == CONTRACTING.keys(), found


def _schema(connection: Connection) -> dict[str, Any]:
    """Return the columns and the unique indexes of each table."""
    seen = inspect(connection)
    query = "SELECT tbl_name, sql FROM sqlite_master WHERE sql LIKE 'CREATE UNIQUE INDEX%'"
    unique = connection.execute(text(query)).all()
    return {
        table: {
            "columns": {one["name"]: one for one in seen.get_columns(table)},
            "unique": {sql for name, sql in unique if name == table},
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def _contractions(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yield what statements of the older code would fail at."""
    for table, was in before.items():
        now = after.get(table)
        if now is None:
            yield f"{table} is gone"
            continue
        for name, column in was["columns"].items():
            other = now["columns"].get(name)
            if other is None:
                yield f"{table}.{name} is gone"
            elif str(other["type"]) != str(column["type"]):
                yield f"{table}.{name} has another type"
            elif column["nullable"] and not other["nullable"]:
                yield f"{table}.{name} must not be null any more"
        for name in now["columns"].keys() - was["columns"].keys():
            column = now["columns"][name]
            if not column["nullable"] and column["default"] is None:
                yield f"{table}.{name} has to be given"
        if was["unique"] != now["unique"]:
            yield f"{table} has other unique indexes"


# -- a newer schema under running processes -----------------------------------------------


@pytest.fixture
async def mill(temporal: Client, migrated_url: str, tmp_path: Path) -> AsyncIterator[Mill]:
    settings = settings_for(tmp_path, migrated_url)
    database = Database.of(settings, EVERY_PROJECT)
    yield Mill(temporal, database, settings)
    await database.close()


async def test_running_worker_goes_on_when_a_newer_release_expands_the_schema(
    mill: Mill, tmp_path: Path
) -> None:
    first, second = write_texts(tmp_path / "first", 3), tmp_path / "second"
    second.mkdir()
    (second / "a.txt").write_text("Another text.")
    (second / "b.pdf").write_text("%PDF-1.4 this is no PDF")
    async with mill.worker():
        assert (await mill.run(first)).status == BatchStatus.COMPLETED
        async with mill.database.writer.begin() as connection:
            for statement in NEXT:
                await connection.execute(text(statement))
        batch = await mill.run(second)
        assert await mill.outcomes(batch) == {"a.txt": "completed", "b.pdf": "failed"}
        again = await mill.run(first)
        assert set((await mill.outcomes(again)).values()) == {"skipped"}


async def test_program_older_than_the_schema_does_not_start_and_says_why(
    mill: Mill, tmp_path: Path
) -> None:
    async with mill.database.writer.begin() as connection:
        await connection.execute(text(NEXT[-1]))

    with pytest.raises(UsageError, match="9999, which is newer than this Docmill") as refused:
        async with mill.worker():
            pass
    listed = Cli(mill.settings.home, tmp_path, {"DOCMILL_DATABASE_URL": mill.settings.database})(
        "list"
    )

    assert "Upgrade Docmill" in refused.value.hint
    assert listed.returncode == 2, listed.stdout
    assert "9999" in listed.stderr
