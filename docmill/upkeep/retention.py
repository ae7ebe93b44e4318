"""Retention: removes expired results, directories, files and log entries.

It may be interrupted at any point and is safe to repeat: rows are marked first, then their objects
are deleted.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from docmill.contracts.retention import RetentionReport
from docmill.objects.base import ObjectStore
from docmill.objects.results import delete_result
from docmill.records.database import Database
from docmill.records.deliveries import Deliveries
from docmill.records.projects import Projects
from docmill.records.retention import Retention, UnlistedFiles
from docmill.settings import Settings

CHUNK = 500
"""Rows of one transaction."""

FILES_AT_ONCE = 10
"""Files that are deleted in one transaction, which blocks uploads of the project."""

KEPT_AFTER_DELETE = timedelta(days=1)
"""Time that unlisted bytes are kept, after which signed links to them have expired."""


async def retain(
    database: Database, store: ObjectStore, settings: Settings, at: datetime
) -> RetentionReport:
    """Remove what has expired at ``at``, and return the numbers of removed objects.

    Raises:
        UnavailableError: the database or the store is unavailable; the next run continues.
    """
    results = 0
    if settings.result_ttl_days:
        results = await _mark_results(database, at - timedelta(days=settings.result_ttl_days))
    await _remove_marked(database, store)
    directories = await _expire_directories(database, at)
    files = await _remove_unlisted(database, store, at - KEPT_AFTER_DELETE)
    events = await _forget_events(database, at - timedelta(days=settings.webhook_log_days))
    return RetentionReport(
        results=results, directories=directories, files=files, webhook_events=events
    )


async def _mark_results(database: Database, before: datetime) -> int:
    count = 0
    async for project_id in _projects(database):
        after: str | None = ""
        while after is not None:
            async with database.write() as session:
                marked, after = await Retention(session).purge_results(
                    project_id, before, after, CHUNK
                )
            count += len(marked)
    return count


async def _projects(database: Database) -> AsyncIterator[str]:
    cursor: str | None = None
    while True:
        async with database.read() as session:
            found = await Projects(session).list(cursor=cursor)
        for project in found.items:
            yield project.id
        cursor = found.next
        if cursor is None:
            return


async def _remove_marked(database: Database, store: ObjectStore) -> None:
    while True:
        async with database.read() as session:
            marked = await Retention(session).marked_results(CHUNK)
        for result in marked:
            await delete_result(store, result.object_prefix)
        async with database.write() as session:
            for result in marked:
                await Retention(session).forget_objects(result)
        if len(marked) < CHUNK:
            return


async def _expire_directories(database: Database, at: datetime) -> int:
    count = 0
    while True:
        async with database.write() as session:
            gone = await Retention(session).expire_directories(at, CHUNK)
        count += len(gone)
        if len(gone) < CHUNK:
            return count


async def _remove_unlisted(database: Database, store: ObjectStore, before: datetime) -> int:
    count = 0
    async for project_id in _projects(database):
        while True:
            async with database.write() as session:
                unlisted = UnlistedFiles(session)
                await unlisted.lock_project(project_id)
                files = await unlisted.expired(project_id, before, FILES_AT_ONCE)
                for file in files:
                    if key := await unlisted.release(file):
                        await store.delete(key)
            count += len(files)
            if len(files) < FILES_AT_ONCE:
                break
    return count


async def _forget_events(database: Database, before: datetime) -> int:
    count = 0
    while True:
        async with database.write() as session:
            gone = await Deliveries(session).forget(before, CHUNK)
        count += gone
        if gone < CHUNK:
            return count
