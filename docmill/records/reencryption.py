"""Encryption of all secrets in the records with the current key, after it was set or rotated."""

from typing import Any

from sqlalchemy import inspect, select, tuple_
from sqlalchemy.orm.attributes import flag_modified

from docmill.records.database import Database, Session
from docmill.records.encryption import EncryptedBytes, EncryptedJson, EncryptedText
from docmill.records.tables.base import Table

ROWS_AT_ONCE = 500
"""Rows of one transaction, so that on SQLite other writers wait for milliseconds only."""


async def reencrypt(database: Database) -> int:
    """Encrypt every secret with the first key; return the number of rows. May be repeated.

    Args:
        database: in the scope of every project.

    Raises:
        UsageError: there is no key.
        UnavailableError: a secret was encrypted with a key that is missing.
    """
    database.check_secret_key()
    return sum([await _reencrypt_table(database, table) for table in encrypted_columns()])


def encrypted_columns() -> dict[type[Table], list[str]]:
    """Return the names of all encrypted columns, by table."""
    kinds = (EncryptedBytes, EncryptedJson, EncryptedText)
    found = {
        mapper.class_: [one.key for one in mapper.columns if isinstance(one.type, kinds)]
        for mapper in Table.registry.mappers
    }
    return {table: names for table, names in found.items() if names}


async def _reencrypt_table(database: Database, table: type[Table]) -> int:
    number, last = 0, None
    while True:
        async with database.write() as session:
            rows = await _rows_after(session, table, last)
            for row in rows:
                _mark(row)
        number += len(rows)
        if len(rows) < ROWS_AT_ONCE:
            return number
        last = inspect(rows[-1]).identity


async def _rows_after(session: Session, table: type[Table], last: Any) -> list[Any]:
    key = inspect(table).primary_key
    query = select(table).order_by(*key).limit(ROWS_AT_ONCE).with_for_update()
    if last is not None:
        query = query.where(tuple_(*key) > last)
    return list(await session.scalars(query))


def _mark(row: Table) -> None:
    """Mark the secrets of the row as changed; other columns keep their values."""
    state = inspect(row)
    names = [name for name in encrypted_columns()[type(row)] if getattr(row, name) is not None]
    if "updated_at" in state.mapper.columns:  # else its default for updates is applied
        names.append("updated_at")
    for name in names:
        flag_modified(row, name)
