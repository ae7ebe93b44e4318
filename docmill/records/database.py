"""Connections and transactions of the records database, independent of its tables.

SQLite has one writer at a time. The write connection is a pool of one: tasks of this process queue
for it instead of polling the file's lock. Other processes poll the lock, so this process pauses
between its transactions.
"""

import asyncio
import copy
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from docmill.contracts.access import Actor
from docmill.errors import UsageError
from docmill.records.audit import Audit, audit_changes, change_of, log_change
from docmill.records.encryption import KEY_FILE, KEY_HINT, Cipher, use_cipher
from docmill.records.errors import in_words, unavailable
from docmill.records.outcomes import SETTLED, OnSettled
from docmill.records.scope import Scope, ScopedSession
from docmill.records.sqlite_connection import DEFERRED, connect
from docmill.records.statements import in_callers_thread
from docmill.settings import Settings

BUSY_SECONDS = 30
"""Maximum wait of a transaction for a lock or a connection; then the database is unavailable."""
_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 300
"""Longer than any statement, so that only a broken connection reaches it."""
_PING_SECONDS = 3
"""Maximum wait for an idle connection to answer; a loaded server needs a tenth of it."""
WRITE_PAUSE_SECONDS = 0.002
"""Pause between two write transactions of a process on SQLite. Waiting processes poll the lock, and
found no free moment without it: one waited 9.6 s. With the pause it waits for 2 to 10 ms."""
SHORT_ROWS = 100
"""Rows that a short statement reads at most; see `Database.read`."""
_SQLITE_READERS = 4
_POSTGRES_CONNECTIONS = 10
_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
)


Session = AsyncSession
"""Session of `Database.read` and `Database.write`."""


class Database:
    """The records database: SQLite in a file, or PostgreSQL.

    Attributes:
        is_sqlite: whether it is SQLite, otherwise PostgreSQL.
        path: the file of a SQLite database; None otherwise.
        writer: engine of write transactions and migrations.
        on_settled: called with the outcomes of a transaction after its commit. Set it before
            `scoped`.
    """

    on_settled: OnSettled | None = None

    @classmethod
    def of(cls, settings: Settings, scope: Scope | None = None) -> Self:
        """Return the database of these settings, with their keys; see `__init__` for errors."""
        keys = settings.secret_key.get_secret_value()
        return cls(settings.database, scope, secret_keys=keys)

    def __init__(
        self,
        url: str,
        scope: Scope | None = None,
        actor: Actor | None = None,
        *,
        secret_keys: str = "",
    ) -> None:
        """Create the engines without connecting.

        Args:
            url: SQLAlchemy URL, ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``.
            scope: projects of its sessions; without one they run no statement. See `scoped`.
            actor: author of changes; with one, they are recorded in the audit log.
            secret_keys: encrypt the secrets in the records, see `Cipher`; SQLite has a key file
                next to the database file.

        Raises:
            UsageError: the URL is invalid or of another database, or a SQLite database in memory,
                or a key is malformed.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise UsageError("DOCMILL_DATABASE_URL is not a URL.", _URL_HINT) from None
        if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise UsageError(f"Records cannot be stored in {parsed.drivername}.", _URL_HINT)
        self._scope = scope
        self._actor = actor
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.path: Path | None = None
        if self.is_sqlite:
            if parsed.database in (None, "", ":memory:"):
                raise UsageError("Records in memory would be lost.", _URL_HINT)
            self.path = Path(str(parsed.database))
            self.writer = _sqlite_engine(self.path, begin="BEGIN IMMEDIATE", size=1)
            self._reader = _sqlite_engine(self.path, begin=DEFERRED, size=_SQLITE_READERS)
            self._unsynced = _sqlite_engine(
                self.path, begin="BEGIN IMMEDIATE", size=1, synced=False
            )
        else:
            self.writer = self._reader = _postgres_engine(url)
            self._unsynced = _postgres_engine(url, synced=False)
        key_file = self.path and self.path.with_name(KEY_FILE)
        self._cipher = Cipher(secret_keys, key_file)
        for engine in (self.writer, self._reader, self._unsynced):
            use_cipher(engine.sync_engine.dialect, self._cipher)

    def scoped(self, scope: Scope, actor: Actor | None = None) -> "Database":
        """Return the same database, by the same connections, for this scope and actor."""
        other = copy.copy(self)
        other._scope = scope
        other._actor = actor
        return other

    @property
    def engines(self) -> tuple[Any, ...]:
        """The SQLAlchemy engines of all connections, for instrumentation."""
        return tuple({one.sync_engine for one in (self.writer, self._reader, self._unsynced)})

    async def migrate(self) -> None:
        """Upgrade the schema to this program's version; cheap if it is current.

        Raises:
            UsageError: the database was written by a newer Docmill, or refuses the login.
            UnavailableError: it cannot be reached.
        """
        from docmill.records.schema_version import migrate  # noqa: PLC0415 - circular import

        await migrate(self)

    def check_secret_key(self) -> None:
        """Check that secrets can be encrypted.

        Raises:
            UsageError: the database is shared, and ``DOCMILL_SECRET_KEY`` is not set.
        """
        if not self._cipher.usable:
            raise UsageError(
                "The secrets in a shared records database are not encrypted without "
                "DOCMILL_SECRET_KEY.",
                KEY_HINT,
            )

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            UnavailableError: it does not.
        """
        async with self.read() as session:
            await (await session.connection()).execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._reader.dispose()
        await self._unsynced.dispose()
        await self.writer.dispose()

    @asynccontextmanager
    async def read(self, *, short: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a read session; on SQLite it reads one snapshot and cannot write.

        Args:
            short: whether its statements read at most `SHORT_ROWS` by an index. On SQLite they run
                in the caller's thread, and block it for less than a millisecond; on a loaded
                machine each of two thread switches waits for a processor.

        Raises:
            UnavailableError: the database is unavailable, or did not answer in time.
        """
        async with self._session(self._reader) as session:
            with in_callers_thread(session.sync_session) if short else nullcontext():
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a session that commits at the end of the block, and rolls back on errors.

        Keep the block short: on SQLite it holds the only write lock from its start.

        Raises:
            UnavailableError: the database is unavailable, or a lock was not released in time.
        """
        async with self._session(self.writer) as session:
            yield session
            change = await audit_changes(session)
            await session.commit()
        if change is not None:
            log_change(change)
        if self.on_settled is not None and (settled := session.info[SETTLED]):
            self.on_settled(settled)

    @asynccontextmanager
    async def write_unsynced(self) -> AsyncIterator[AsyncSession]:
        """Open a session like `write` whose commit does not wait for the disk.

        A power failure may undo the commit: use it for a short statement whose loss is harmless.
        It waits neither for other transactions of this process nor for a pause.

        Raises:
            UnavailableError: the database is unavailable, or a lock was not released in time.
        """
        async with self._session(self._unsynced) as session:
            yield session
            await session.commit()

    async def audit(self, objects: Sequence[str]) -> None:
        """Record that the actor has read these objects, if there is an actor.

        A power failure may lose the row, but not the log line.

        Raises:
            UnavailableError: the database is unavailable.
        """
        if self._actor is None or not isinstance(self._scope, str):
            return
        done = change_of(self._scope, self._actor, objects)
        async with self.write_unsynced() as session:
            await Audit(session).add([done])
        log_change(done)

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        session = AsyncSession(
            engine,
            sync_session_class=ScopedSession,
            info={
                "scope": self._scope,
                "actor": self._actor,
                SETTLED: None if self.on_settled is None else [],
            },
            expire_on_commit=False,
            autoflush=False,
        )
        try:
            try:
                await session.connection()
            except OSError as error:  # refused, unknown host, timed out
                raise unavailable(error) from error
            yield session
        except (DBAPIError, PoolTimeout, TimeoutError) as error:
            known = in_words(error)
            if known is None:
                raise
            raise known from error
        finally:
            await session.close()


_URL_HINT = "Use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."


def _sqlite_engine(path: Path, *, begin: str, size: int, synced: bool = True) -> AsyncEngine:
    read_only = begin == DEFERRED
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=BUSY_SECONDS,
        async_creator=partial(connect, str(path), BUSY_SECONDS, read_only=read_only),
    )

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        own = (
            f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}",
            f"PRAGMA query_only={'ON' if read_only else 'OFF'}",
        )
        for pragma in (*_PRAGMAS, *own):
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", on_connect)
    if read_only or not synced:
        event.listen(engine.sync_engine, "begin", partial(_begin, statement=begin))
    else:
        _pause_before_each(begin, engine)
    return engine


def _begin(connection: Any, statement: str) -> None:
    """Begin a transaction by the driver: it has no result, which SQLAlchemy would process."""
    try:
        connection.connection.dbapi_connection.run_async(lambda it: it.begin(statement))
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error


def _pause_before_each(begin: str, engine: AsyncEngine) -> None:
    """Leave the lock to other processes for a moment before each transaction except the first.

    The connection stays checked out, so tasks of this process wait as well.
    """
    ended = 0.0

    def on_begin(connection: Any) -> None:
        if (pause := ended + WRITE_PAUSE_SECONDS - time.monotonic()) > 0:
            connection.connection.dbapi_connection.run_async(lambda _: asyncio.sleep(pause))
        _begin(connection, begin)

    def on_checkin(_connection: object, _record: object) -> None:
        nonlocal ended
        ended = time.monotonic()

    event.listen(engine.sync_engine, "begin", on_begin)
    event.listen(engine.sync_engine, "checkin", on_checkin)


def _postgres_engine(url: str, *, synced: bool = True) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=_POSTGRES_CONNECTIONS,
        max_overflow=_POSTGRES_CONNECTIONS,
        hide_parameters=True,
        pool_timeout=BUSY_SECONDS,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            "server_settings": {} if synced else {"synchronous_commit": "off"},
        },
    )
    event.listen(engine.sync_engine, "checkout", _ping)
    return engine


def _ping(connection: Any, _record: object, _proxy: object) -> None:
    """Check that a pooled connection answers; if not, invalidate the whole pool.

    SQLAlchemy's own ping would wait as long as a statement when a connection is silent.
    """

    async def answer(driver: Any) -> None:
        await asyncio.wait_for(driver.fetchrow(";"), _PING_SECONDS)

    try:
        connection.run_async(answer)
    except Exception as error:
        raise InvalidatePoolError from error
