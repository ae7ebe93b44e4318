"""Transactions: they begin as writers, are atomic, and report an unavailable database."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from docmill.errors import UnavailableError, UsageError
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.statements import run
from docmill.records.tables.sources import Project
from tests.fixtures.faults import FaultProxy
from tests.fixtures.mill import until
from tests.fixtures.postgres import postgres_folder


def _project(name: str) -> Project:
    return Project(id=f"prj-{name}", name=name, organization_id="org")


async def _names(database: Database) -> set[str]:
    async with database.read() as session:
        return set(await session.scalars(select(Project.name)))


@pytest.fixture
async def on_sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url, EVERY_PROJECT)
    await database.migrate()
    yield database
    await database.close()


async def test_successful_block_is_committed(database: Database) -> None:
    async with database.write() as session:
        session.add(_project("kept"))
    assert "kept" in await _names(database)


async def test_failed_block_is_rolled_back(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            session.add(_project("lost"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert "lost" not in await _names(database)


async def test_cancelled_block_is_rolled_back_and_frees_the_writer(database: Database) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with database.write() as session:
            session.add(_project("lost"))
            await session.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with database.write() as session:
        session.add(_project("kept"))
    assert await _names(database) == {"Default", "kept"}


async def test_concurrent_writers_all_commit(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as session:
            session.add(_project(str(number)))

    await asyncio.gather(*(write(number) for number in range(40)))

    assert len(await _names(database)) == 41


async def test_sqlite_is_durable_and_checks_references(on_sqlite: Database) -> None:
    async with on_sqlite.write() as session:
        found = {
            pragma: (await session.execute(text(f"PRAGMA {pragma}"))).scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


async def test_sqlite_writer_holds_the_lock_from_its_first_statement(on_sqlite: Database) -> None:
    assert on_sqlite.path is not None
    other = sqlite3.connect(on_sqlite.path, timeout=0, isolation_level=None)
    async with on_sqlite.write():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


BUSY = """
import asyncio, sys
from sqlalchemy import text
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT

async def write(database):
    while True:
        async with database.write() as session:
            await session.execute(text("UPDATE busy SET n = n + 1"))

async def main():
    database = Database(sys.argv[1], EVERY_PROJECT)
    print("ready", flush=True)
    await asyncio.gather(*(write(database) for _ in range(4)))

asyncio.run(main())
"""
MOST_BEFORE_ONE = 30
"""Transactions of a busy process that may come before one of another process's: 50 ms of them on
a quiet machine. Counted, because seconds say nothing on a loaded one. Without the pause between
its transactions more than a hundred came, for one of a hundred writes."""


@pytest.mark.integration
async def test_busy_process_lets_another_process_write(
    on_sqlite: Database, sqlite_url: str
) -> None:
    async with on_sqlite.write() as session:
        await session.execute(text("CREATE TABLE busy (n INTEGER)"))
        await session.execute(text("INSERT INTO busy VALUES (0)"))
    count = text("SELECT n FROM busy")
    before_one = []
    busy = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUSY, sqlite_url, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert busy.stdout is not None
        assert await busy.stdout.readline() == b"ready\n"
        for _ in range(100):
            async with on_sqlite.read() as session:
                asked_at = await session.scalar(count)
            async with on_sqlite.write() as session:
                before_one.append(await session.scalar(count) - asked_at)
    finally:
        busy.kill()
        await busy.wait()
    assert sum(before_one) > 0
    assert sorted(before_one)[-2] <= MOST_BEFORE_ONE  # of a hundred: the 99th percentile


async def test_database_is_unavailable_when_its_lock_is_not_freed(on_sqlite: Database) -> None:
    assert on_sqlite.path is not None
    async with on_sqlite.write() as session:
        await session.execute(text("PRAGMA busy_timeout=1"))
    other = sqlite3.connect(on_sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        async with on_sqlite.write():
            pass
    other.close()
    async with on_sqlite.write() as session:
        session.add(_project("kept"))
    assert await _names(on_sqlite) == {"kept"}


async def test_sql_error_is_not_reported_as_an_unavailable_database(database: Database) -> None:
    with pytest.raises(DBAPIError, match="no_such_table"):
        async with database.read() as session:
            await session.execute(text("SELECT * FROM no_such_table"))


async def test_sqlite_runs_short_statements_in_the_callers_thread(on_sqlite: Database) -> None:
    thread = select(func.thread_of())
    async with on_sqlite.write() as session:
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
        assert raw is not None
        await raw.create_function("thread_of", 0, threading.get_ident)
        assert (await run(session, thread)).scalar_one() == threading.get_ident()
        with pytest.raises(OperationalError):
            await run(session, text("SELECT nothing FROM nowhere"))
        assert (await session.execute(thread)).scalar_one() != threading.get_ident()


async def test_sqlite_runs_short_reads_in_the_callers_thread(on_sqlite: Database) -> None:
    thread = select(func.thread_of())

    async def thread_of_a_read(*, short: bool) -> int:
        async with on_sqlite.read(short=short) as session:
            raw = (await (await session.connection()).get_raw_connection()).driver_connection
            assert raw is not None
            await raw.create_function("thread_of", 0, threading.get_ident)
            await run(session, thread)
            return int((await session.execute(thread)).scalar_one())

    assert await thread_of_a_read(short=True) == threading.get_ident()
    assert await thread_of_a_read(short=False) != threading.get_ident()


async def test_sqlite_readers_continue_during_a_write_and_cannot_write(on_sqlite: Database) -> None:
    async with on_sqlite.write() as writer:
        writer.add(_project("unseen"))
        await writer.flush()
        assert await _names(on_sqlite) == set()
    async with on_sqlite.read() as session:
        session.add(_project("refused"))
        with pytest.raises(OperationalError, match="readonly"):
            await session.flush()


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "mysql://x/y", "nonsense"])
def test_unusable_url_is_rejected_with_a_hint(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        Database(url, EVERY_PROJECT)
    assert "postgresql://" in raised.value.hint


@pytest.mark.integration
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:hidden@127.0.0.1:1/none",
        "postgresql+asyncpg://user:hidden@no-such-host.invalid/none",
    ],
)
async def test_unavailable_server_is_reported_without_its_password(url: str) -> None:
    database = Database(url, EVERY_PROJECT)
    for attempt in (database.ping, database.migrate):
        with pytest.raises(UnavailableError) as raised:
            await attempt()
        assert "hidden" not in str(raised.value)
    await database.close()


async def test_database_is_unavailable_when_its_folder_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'home' / 'records.db'}", EVERY_PROJECT)
    with pytest.raises(UnavailableError, match="cannot be written"):
        await database.migrate()
    await database.close()


async def test_restarted_server_is_unavailable_at_most_once(
    postgres_url: str, postgres_server: str
) -> None:
    database = Database(postgres_url, EVERY_PROJECT)
    await database.migrate()
    killer = Database(postgres_url, EVERY_PROJECT)
    async with killer.read() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await database.ping()
    await killer.close()
    await database.close()


@pytest.mark.integration
async def test_silent_connections_are_not_reused() -> None:
    with postgres_folder() as folder:
        server = await asyncio.create_subprocess_exec(*folder.command, user=folder.user)
        async with FaultProxy(folder.port) as proxy:
            database = Database(folder.url_at(proxy.port), EVERY_PROJECT)
            await until(partial(_answers, database))
            async with database.read(), database.read():
                pass
            proxy.freeze()
            async with asyncio.timeout(60):  # a statement would wait for five minutes
                await database.ping()
                await database.ping()
            await database.close()
        server.terminate()
        await server.wait()


async def _answers(database: Database) -> bool:
    try:
        await database.ping()
    except UnavailableError:
        return False
    return True


async def test_text_with_nul_is_stored_or_rejected_without_a_crash(database: Database) -> None:
    async def keep() -> None:
        async with database.write() as session:
            session.add(_project("nul\0"))

    if database.is_sqlite:
        await keep()
        assert "nul\0" in await _names(database)
    else:
        with pytest.raises(UsageError, match="NUL"):
            await keep()
