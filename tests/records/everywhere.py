"""One row of a project in every table, for tests of scopes and deletion."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Boolean, DateTime, Double, LargeBinary, String, func, insert, select, text

from docmill.ids import DEFAULT_ORGANIZATION_ID
from docmill.records.database import Database
from docmill.records.encryption import EncryptedText
from docmill.records.tables.base import Table, UtcDateTime, now

OF_NO_PROJECT = frozenset({"authentication_mode", "link_keys", "sweeps"})
"""Tables that no project owns a row of."""

_VALUES: tuple[tuple[type[Any], Any], ...] = (
    (Boolean, False),
    (UtcDateTime, now()),
    (DateTime, now()),
    (Double, 1.0),
    (LargeBinary, b"1"),
)


async def add_everywhere(database: Database, project_id: str, mark: str) -> dict[str, int]:
    """Add a row of ``project_id`` to every table; return how many rows each of them has now.

    Args:
        database: of every project.
        project_id: a new project's.
        mark: in every id and text of the rows.
    """
    made: dict[str, dict[str, Any]] = {}
    job_id = f"pjb-{uuid5(NAMESPACE_OID, mark)}"
    async with database.write() as session:
        for table in Table.metadata.sorted_tables:
            if table.name in OF_NO_PROJECT:
                continue
            row: dict[str, Any] = {}
            for column in table.columns:
                if column.foreign_keys:
                    key = next(iter(column.foreign_keys)).column
                    row[column.name] = made[key.table.name][key.name]
                elif not column.nullable:
                    row[column.name] = _value(column, mark)
            row |= {"project_id": project_id} if "project_id" in table.columns else {}
            row |= {"job_id": job_id} if "job_id" in table.columns else {}
            row |= {"run_id": f"{job_id}-1"} if "run_id" in table.columns else {}
            if table.name == "projects":
                row |= {"id": project_id, "organization_id": DEFAULT_ORGANIZATION_ID}
            if table.name == "audit_events":
                row.pop("number")
            if table.name == "batches":
                row |= {"status": "COMPLETED", "engine": "local"}
            await session.execute(insert(table).values(row))
            made[table.name] = row
    return await counts(database)


def _value(column: Any, mark: str) -> Any:
    if isinstance(column.type, String | EncryptedText):
        return f"{column.table.name}-{mark}"
    for kind, value in _VALUES:
        if isinstance(column.type, kind):
            return value
    return {} if "JSON" in repr(column.type).upper() else 1


async def counts(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    async with database.read() as session:
        return {
            table.name: (await session.scalar(select(func.count()).select_from(table))) or 0
            for table in Table.metadata.sorted_tables
        }


async def found_everywhere(database: Database, mark: str) -> list[str]:
    """Return the tables of which a row holds ``mark`` in any column."""
    found = []
    async with database.read() as session:
        for table in Table.metadata.sorted_tables:
            for row in await session.execute(select(table)):
                if any(mark in repr(value) for value in row):
                    found.append(table.name)
    return found


async def everything_in(database: Database) -> bytes:
    """The database as somebody reads it who has its files, but no key."""
    if database.path is not None:
        files = [database.path, database.path.with_name(f"{database.path.name}-wal")]
        return b"".join(file.read_bytes() for file in files if file.exists())
    found = []
    async with database.read() as session:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        for (table,) in await session.execute(text(tables)):
            rows = await session.execute(text(f'SELECT t::text FROM "{table}" t'))
            found += [row[0].encode() for row in rows]
    return b"\n".join(found)
