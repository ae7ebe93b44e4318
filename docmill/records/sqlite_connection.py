"""SQLite connection with at most one thread switch per statement.

aiosqlite runs every call in the connection's own thread; creating a cursor, executing, fetching and
closing are four calls. These switches dominated the cost of short transactions, so a statement is
executed, fetched and closed in one call. Statements that take less time than a switch, and wait for
no lock, run in the caller's thread.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiosqlite

DEFERRED = "BEGIN"
"""Begins a transaction without touching the file. Its statements take the locks."""


class WholeCursor:
    """The cursor interface that SQLAlchemy needs. Rows are complete when `execute` returns."""

    def __init__(self, connection: "WholeConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> "WholeCursor":
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "WholeCursor":
        """Run one statement and fetch all its rows."""
        await self._connection.run(self._execute, statement, parameters)
        return self

    async def executemany(
        self, statement: str, parameters: Iterable[Sequence[Any]]
    ) -> "WholeCursor":
        """Return the rows, once."""
        await self._connection.run(self._executemany, statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """Discard the rows. The database's own cursor is closed already."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget the rows; the database's own cursor is closed already."""
        self._rows = []

    def _execute(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        cursor = connection.execute(statement, parameters)
        self._rows = cursor.fetchall()
        self._finish(cursor)

    def _executemany(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        self._finish(connection.executemany(statement, parameters))

    def _finish(self, cursor: sqlite3.Cursor) -> None:
        self.description, self.rowcount = cursor.description, cursor.rowcount
        self.lastrowid = cursor.lastrowid
        cursor.close()


class WholeConnection(aiosqlite.Connection):
    """A connection with cursors of type `WholeCursor`.

    Attributes:
        read_only: whether it never writes.
    """

    read_only = False
    _is_short = False

    def cursor(self) -> WholeCursor:  # type: ignore[override]  # not a coroutine
        """Return a cursor without a thread switch."""
        return WholeCursor(self)

    @contextmanager
    def short_statements(self) -> Iterator[None]:
        """Run statements in the caller's thread while the block runs.

        They must be short, in a transaction that holds its lock or only reads. Operations that wait
        for a disk or a lock stay in the connection's thread: starting to write, and committing.
        """
        before, self._is_short = self._is_short, True
        try:
            yield
        finally:
            self._is_short = before

    async def run(self, function: Any, statement: str, parameters: Any) -> None:
        """Call ``function`` with the database's connection, a statement and its parameters."""
        if self._is_short:
            function(self._conn, statement, parameters)
        else:
            await self._execute(  # type: ignore[no-untyped-call]
                function, self._conn, statement, parameters
            )

    async def begin(self, statement: str) -> None:
        """Begin a transaction."""
        if statement == DEFERRED:
            self._conn.execute(statement)
        else:
            await self._execute(self._conn.execute, statement)  # type: ignore[no-untyped-call]

    async def rollback(self) -> None:
        """Roll back the transaction; one that is read-only or committed is just ended."""
        if self.read_only or not self._conn.in_transaction:
            self._conn.rollback()
        else:
            await super().rollback()


def _lower(value: Any) -> Any:
    """Lower-case text as PostgreSQL does in a UTF-8 locale; SQLite's own handles A to Z only.

    Characters are mapped one by one, because the simple mapping of Unicode has no context and never
    lengthens text.
    """
    if not isinstance(value, str):
        return value
    return "".join(map(str.lower, value.replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i")))


def connect(path: str, timeout: float, *, read_only: bool) -> WholeConnection:
    """Return an unopened connection. Docmill begins transactions, not the driver.

    Args:
        path: file of the database.
        timeout: seconds to wait for a lock.
        read_only: whether it is only used for reading.
    """

    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        connection.create_function("lower", 1, _lower, deterministic=True)
        return connection

    connection = WholeConnection(connector, iter_chunk_size=64)
    connection.read_only = read_only
    connection._thread.daemon = True  # an unclosed connection must not block the exit
    return connection
