"""A session is restricted to the rows of its project."""

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import aliased

from docmill.contracts.access import Actor, Limits
from docmill.records.audit import Audit
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.projects import Projects
from docmill.records.scope import (
    CHILDREN,
    OWNED,
    UnscopedStatementError,
)
from docmill.records.statements import table_of
from docmill.records.tables.access import AuditEvent
from docmill.records.tables.base import Table
from docmill.records.tables.batches import Batch, BatchItem
from docmill.records.tables.sources import Directory, DirectoryFile, Project
from tests.records.everywhere import OF_NO_PROJECT, add_everywhere, counts
from tests.records.making import PROJECT, batch_over, page, scanned


async def _other(database: Database) -> Database:
    async with database.write() as session:
        return database.scoped((await Projects(session).create("Other", Limits())).id)


async def _batch(database: Database) -> Batch:
    batch = await batch_over(database, await scanned(database, 3))
    await page(database, batch)
    return batch


def test_every_table_declares_how_its_rows_belong_to_a_project() -> None:
    known = {table.__tablename__ for table in (*OWNED, *CHILDREN)}
    assert known | OF_NO_PROJECT | {"projects"} == set(Table.metadata.tables)


async def test_session_without_a_scope_runs_no_statement(database: Database) -> None:
    nobody = Database(database.writer.url.render_as_string(hide_password=False))
    async with nobody.read() as session:
        with pytest.raises(UnscopedStatementError):
            await session.execute(select(Batch))
    await nobody.close()


async def test_statements_neither_see_nor_delete_rows_of_another_project(
    database: Database,
) -> None:
    there = await add_everywhere(database, "prj-one", "one")
    assert all(there[table.__tablename__] for table in (*OWNED, *CHILDREN))
    one = database.scoped("prj-one")
    other = await _other(database)

    for table in (*OWNED, *CHILDREN):
        below = select(table).subquery()
        for rows in (table, aliased(table), below):
            query = select(func.count()).select_from(rows)
            async with one.read() as session:
                assert await session.scalar(query) == 1, table
            async with other.read() as session:
                assert await session.scalar(query) == 0, table
        if table is not AuditEvent:
            async with other.write() as session:
                options = {"synchronize_session": False}
                await session.execute(delete(table), execution_options=options)
    async with other.read() as session:
        assert [project.name for project in await session.scalars(select(Project))] == ["Other"]

    assert await counts(database) == there | {"projects": there["projects"] + 1}


async def test_joins_updates_and_gets_stay_inside_the_project(database: Database) -> None:
    batch = await _batch(database)
    other = await _other(database)
    listed = select(BatchItem.path, DirectoryFile.display_name).join(
        DirectoryFile,
        (DirectoryFile.directory_id == BatchItem.directory_id)
        & (DirectoryFile.sequence == BatchItem.sequence),
    )
    async with database.scoped(PROJECT).read() as session:
        assert len((await session.execute(listed)).all()) == 3
        assert await session.get(Batch, batch.id) is not None
    async with other.write() as session:
        assert (await session.execute(listed)).all() == []
        assert await session.get(Batch, batch.id) is None
        assert (await session.scalars(select(Directory).outerjoin(Batch))).all() == []
        await session.execute(update(Batch).values(name="taken"))
        await session.execute(update(BatchItem).values(path="taken"))
    async with database.read() as session:
        assert (await session.get_one(Batch, batch.id)).name is None
        assert "taken" not in await session.scalars(select(BatchItem.path))


@pytest.mark.parametrize(
    "statement", [text("SELECT 1"), select(table_of(Batch)), delete(table_of(Batch))]
)
async def test_statements_unknown_to_the_mapper_are_rejected(
    database: Database, statement: object
) -> None:
    async with database.scoped(PROJECT).write() as session:
        with pytest.raises(UnscopedStatementError):
            await session.execute(statement)  # type: ignore[call-overload]


async def test_object_of_another_project_is_not_written(database: Database) -> None:
    other = await _other(database)
    async with other.read() as session:
        with pytest.raises(UnscopedStatementError):
            await Directories(session).create(PROJECT, "in")


async def test_change_and_audit_row_are_one_transaction(database: Database) -> None:
    batch = await _batch(database)
    audited = database.scoped(PROJECT, Actor("key:a", "pause_batch", (batch.id,)))

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the error ends the transaction
        async with audited.write() as session:
            await Batches(session).set_state(batch.id, paused=True)
            raise ZeroDivisionError
    async with audited.write() as session:
        await Batches(session).set_state(batch.id, paused=True)
    async with audited.write() as session:
        await Batches(session).get(PROJECT, batch.id)

    async with audited.read() as session:
        (row,) = await Audit(session).list(PROJECT, limit=10)
    assert (row.actor, row.action, row.objects) == ("key:a", "pause_batch", [batch.id])


@pytest.mark.parametrize(
    "verb", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"]
)
async def test_audit_log_is_append_only(database: Database, verb: str) -> None:
    await database.scoped(PROJECT, Actor("test", "read")).audit(["a"])
    with pytest.raises(Exception, match="append-only"):
        async with database.write() as session:
            await session.execute(text(verb))
