"""Portable statements for SQLite and PostgreSQL: upserts, lists of values, chunks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, Executable, String, any_, inspect, schema
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm import Session as OrmSession

from docmill.records.scope import check_core
from docmill.records.sqlite_connection import WholeConnection
from docmill.records.tables.base import Table

CHUNK = 1_000
"""Values in one statement, far below the limits of SQLite (32,766) and asyncpg (32,767)."""

T = TypeVar("T")

Insert = sqlite.Insert | postgresql.Insert


def chunked(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Yield ``values`` in chunks of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def run(
    session: AsyncSession,
    statement: Executable,
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> CursorResult[Any]:
    """Run a short statement over tables, bypassing the mapper, in the session's transaction.

    For statements that every item pays for: it takes a third of the time of `AsyncSession.execute`.
    Use it with statements that are built once, because building one takes longer than running it.
    On SQLite it runs in the caller's thread, so it must not read many rows.
    """

    def execute(inside: OrmSession) -> CursorResult[Any]:
        check_core(inside, statement)
        with in_callers_thread(inside):
            return inside.connection().execute(statement, parameters)

    return await session.run_sync(execute)


def in_callers_thread(session: OrmSession) -> AbstractContextManager[None]:
    """Run statements of a session that has begun in the caller's thread, if it is SQLite's.

    For short statements that wait for no lock; see `WholeConnection.short_statements`.
    """
    driver = session.connection().connection.driver_connection
    return driver.short_statements() if isinstance(driver, WholeConnection) else nullcontext()


def dialect_of(session: AsyncSession) -> str:
    """Return ``sqlite`` or ``postgresql``."""
    return session.get_bind().dialect.name


def insert_for(dialect: str, table: type[Table]) -> Insert:
    """Return an INSERT of this database with ON CONFLICT."""
    return (
        sqlite.insert(table_of(table))
        if dialect == "sqlite"
        else postgresql.insert(table_of(table))
    )


def insert_into(session: AsyncSession, table: type[Table]) -> Insert:
    """Return an INSERT of the session's database with ON CONFLICT."""
    return insert_for(dialect_of(session), table)


def table_of(table: type[Table]) -> schema.Table:
    """Return the Core table: statements on it avoid the cost of the mapper."""
    return cast("schema.Table", table.__table__)


def is_one_of(
    session: AsyncSession,
    column: ColumnElement[str] | InstrumentedAttribute[str],
    values: Sequence[str],
) -> ColumnElement[bool]:
    """Compare a text column with many values so that PostgreSQL uses an index.

    With a list of a thousand variables, its generic plan compares every row with each of them; with
    one array it uses the index.
    """
    if dialect_of(session) == "sqlite":
        return column.in_(values)
    return column == any_(cast_to(list(values), postgresql.ARRAY(String)))


async def try_insert(session: AsyncSession, row: Table) -> bool:
    """Insert ``row``; return False, with nothing changed, if one of its keys exists.

    Of two processes that insert the same key, the second waits for the first and then returns
    False.
    """
    if session.identity_map.get(inspect(type(row)).identity_key_from_instance(row)) is not None:
        return False
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True
