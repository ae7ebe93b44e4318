"""Inserts that several processes may try at the same time, and statements kept small."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.tables import Table

CHUNK = 1_000
"""Values in one statement: far under SQLite's 32,766 and asyncpg's 32,767 variables."""

T = TypeVar("T")


def chunked(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Yield ``values`` in parts of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def insert_into(session: AsyncSession, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT of the session's database, which knows ON CONFLICT."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


async def try_insert(session: AsyncSession, row: Table) -> bool:
    """Insert ``row``; return False, with nothing changed, when one of its keys is taken.

    Of two processes that insert the same key, the second waits for the first and then gets False.
    """
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True
