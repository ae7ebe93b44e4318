"""Removes every row of a project, table by table, in transactions of bounded length."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Delete, delete, func, inspect, not_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from docmill.contracts.deliveries import delivery_workflow_id
from docmill.contracts.exports import export_workflow_id
from docmill.contracts.words import OPEN_BATCHES
from docmill.records.database import Database
from docmill.records.scope import CHILDREN, OWNED
from docmill.records.statements import table_of
from docmill.records.tables.access import AuditEvent
from docmill.records.tables.base import Table
from docmill.records.tables.batches import Batch, Result
from docmill.records.tables.sources import File, Project
from docmill.records.tables.webhooks import WebhookEvent

ROWS = 2_000
"""Of one transaction: so long at most others wait for SQLite's lock."""
WORKFLOWS = 20
"""Of one group: so many are deleted at the same time."""


async def open_batches(session: AsyncSession) -> int:
    """Return how many batches of the session's project have not ended."""
    query = select(func.count()).select_from(Batch).where(Batch.status.in_(OPEN_BATCHES))
    return (await session.scalar(query)) or 0


async def batches_of(database: Database) -> AsyncIterator[str]:
    """Yield the ids of all batches of the database's project."""
    after = ""
    while True:
        query = select(Batch.id).where(Batch.id > after).order_by(Batch.id).limit(ROWS)
        async with database.read() as session:
            found = (await session.scalars(query)).all()
        for batch_id in found:
            yield batch_id
        if len(found) < ROWS:
            return
        after = found[-1]


async def workflows_of(database: Database) -> AsyncIterator[Sequence[tuple[str, str]]]:
    """Yield Temporal namespace and id of the workflows that the database's project has had.

    They come in groups, of `WORKFLOWS` batches or webhook endpoints.
    """
    async for rows in _distinct(database, Batch.namespace, Batch.id, Batch.epoch, Batch.out):
        yield [
            (namespace, workflow_id)
            for namespace, batch_id, epoch, out in rows
            for workflow_id in _workflows_of_batch(batch_id, epoch, has_export=out is not None)
        ]
    async for rows in _distinct(database, WebhookEvent.namespace, WebhookEvent.endpoint_id):
        yield [(namespace, delivery_workflow_id(name)) for namespace, name in rows]


async def _distinct(
    database: Database, *columns: InstrumentedAttribute[Any]
) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
    """Yield the distinct values of columns, of which the first two identify a row, in groups."""
    place, after = tuple_(*columns[:2]), ("", "")
    while True:
        query = select(*columns).distinct().where(place > tuple_(*after))
        async with database.read() as session:
            rows = (await session.execute(query.order_by(*columns[:2]).limit(WORKFLOWS))).all()
        if rows:
            yield [tuple(row) for row in rows]
        if len(rows) < WORKFLOWS:
            return
        after = (rows[-1][0], rows[-1][1])


def _workflows_of_batch(batch_id: str, epoch: int, *, has_export: bool) -> list[str]:
    """Return the ids of its own workflow and, if workers may have exported it, of those."""
    exports = range(1, epoch + 1) if has_export else ()
    return [batch_id, *(export_workflow_id(batch_id, one) for one in exports)]


async def engines_of(database: Database) -> set[str]:
    """Return the engines of all batches of the database's project."""
    async with database.read() as session:
        return set(await session.scalars(select(Batch.engine).distinct()))


async def objects_outside(database: Database, prefixes: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return what rows of the project name that lies below none of ``prefixes``.

    Returns:
        Keys of uploads, and prefixes of results: those of older versions.
    """
    found: list[set[str]] = []
    async with database.read() as session:
        for column in (File.object_key, Result.object_prefix):
            outside = [not_(column.startswith(prefix)) for prefix in prefixes]
            found.append(set(await session.scalars(select(column).where(column != "", *outside))))
    return found[0], found[1]


async def delete_rows(database: Database) -> None:
    """Delete all rows of the database's project, its own last.

    The audit log stays. What an interrupted run left, the next one deletes.
    """
    for table in _in_order():
        key = inspect(table).primary_key
        some = select(*key).select_from(table).limit(ROWS)
        statement = delete(table).where(tuple_(*key).in_(some))
        while await _delete(database, statement) == ROWS:
            pass


async def _delete(database: Database, statement: Delete) -> int:
    async with database.write() as session:
        options = {"synchronize_session": False}
        result = await session.execute(statement, execution_options=options)
    deleted: int = result.rowcount  # type: ignore[attr-defined]  # a cursor's, of a DELETE
    return deleted


def _in_order() -> list[type[Table]]:
    """Return the tables of a project so that what refers to a row goes before it."""
    by_table = {table_of(table): table for table in OWNED if table is not AuditEvent}
    owned = [by_table[one] for one in reversed(Table.metadata.sorted_tables) if one in by_table]
    grandchildren = [table for table, (_, parent, _) in CHILDREN.items() if parent in CHILDREN]
    children = [table for table in CHILDREN if table not in grandchildren]
    return [*grandchildren, *children, *owned, Project]
