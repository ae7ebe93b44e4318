"""Migration of the schema to head, by one process at a time."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from docmill.errors import UnavailableError, UsageError
from docmill.records.database import Database
from docmill.records.errors import is_transient, refused, unavailable
from docmill.records.migrations import HEAD

_ADVISORY_LOCK = 0x646F636D  # "docm": any constant that nothing else in the database uses


async def migrate(database: Database) -> None:
    """Upgrade ``database`` to `HEAD` in one transaction, if necessary.

    Raises:
        UsageError: the database was written by a newer Docmill, or refuses the login.
        UnavailableError: it cannot be reached, or its folder is not writable.
    """
    try:
        async with _alone(database):
            async with database.writer.connect() as connection:
                if await connection.run_sync(_version) == HEAD:
                    return
            async with database.writer.begin() as connection:
                await _upgrade(connection, locked=database.is_sqlite)
    except (DBAPIError, OSError) as error:
        if is_transient(error):
            raise unavailable(error) from error
        if (rejected := refused(error)) is not None:
            raise rejected from error
        raise


async def _upgrade(connection: AsyncConnection, *, locked: bool) -> None:
    if not locked:
        lock = text("SELECT pg_advisory_xact_lock(:key)")
        await connection.execute(lock, {"key": _ADVISORY_LOCK})
    version = await connection.run_sync(_version)
    if version != HEAD:
        await connection.run_sync(_run_alembic, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _run_alembic(connection: Connection, version: str | None) -> None:
    # Imported late: a start without a migration does not need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise UsageError(
            f"The records database has the schema version {version}, which is newer than this "
            "Docmill.",
            "Upgrade Docmill, or set another database with DOCMILL_DATABASE_URL.",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """Hold the migration lock. On PostgreSQL it is taken inside the transaction."""
    if database.path is None:
        yield
        return
    lock = await asyncio.to_thread(_lock_file, database.path)
    try:
        yield
    finally:
        lock.close()


def _lock_file(path: Path) -> IO[bytes]:
    # Two processes cannot switch a new file to WAL at the same time, so a lock comes first.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # It contains the keys of signed links, so only its owner may read it.
        path.touch(mode=0o600, exist_ok=True)
        handle = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise UnavailableError(
            f"The folder for the records cannot be written: {error.strerror}.",
            "Set DOCMILL_HOME to a folder that you may write.",
        ) from error
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle
