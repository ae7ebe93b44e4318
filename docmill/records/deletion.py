"""Removes every row of a project, table by table, in transactions of bounded length."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import Delete, delete, func, inspect, not_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

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


async def workflows_of(database: Database) -> AsyncIterator[Sequence[tuple[str, str, bool]]]:
    """Yield what the database's project has had workflows for, in groups of `WORKFLOWS`.

    Each has its Temporal namespace, the id of a batch or of a webhook endpoint, and whether it is
    an endpoint.
    """
    batches = (Batch.namespace, Batch.id)
    endpoints = (WebhookEvent.namespace, WebhookEvent.endpoint_id)
    for is_endpoint, columns in ((False, batches), (True, endpoints)):
        place = tuple_(*columns)
        after = ("", "")
        while True:
            query = select(*columns).distinct().where(place > tuple_(*after))
            async with database.read() as session:
                found = await session.execute(query.order_by(*columns).limit(WORKFLOWS))
                rows = [(namespace, name, is_endpoint) for namespace, name in found]
            if rows:
                yield rows
            if len(rows) < WORKFLOWS:
                break
            after = rows[-1][:2]


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
