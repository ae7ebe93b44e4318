"""Retention: what was kept long enough goes, and what a kill left behind.

Everything here may be stopped anywhere and is safe to repeat: what goes is marked first, then its
objects are removed, and what names the others goes last.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from docmill.contracts import RetentionReport
from docmill.objects import ObjectStore
from docmill.records.database import Database
from docmill.records.deliveries import Deliveries
from docmill.records.projects import Projects
from docmill.records.retention import Attempted, Retention
from docmill.records.tables import Batch
from docmill.results import RESULT_FILE, job_folder
from docmill.settings import Settings

CHUNK = 500
"""Rows of one transaction."""
QUIET = timedelta(hours=1)
"""A batch that ended longer ago has no attempt left that could still write."""


async def retain(
    database: Database, store: ObjectStore, settings: Settings, at: datetime
) -> RetentionReport:
    """Remove what may go at ``at``, and say how much it was.

    Raises:
        UnavailableError: the database or the store is away; the next run goes on.
    """
    results = 0
    if settings.result_ttl_days:
        results = await _mark_results(database, at - timedelta(days=settings.result_ttl_days))
    await _remove_marked(database, store)
    directories = await _expire_directories(database, at)
    leftovers = await _remove_leftovers(database, store, at - QUIET)
    events = await _forget_events(database, at - timedelta(days=settings.webhook_log_days))
    return RetentionReport(
        results=results, directories=directories, leftovers=leftovers, webhook_events=events
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
            await _remove(store, result.object_prefix)
        async with database.write() as session:
            for result in marked:
                await Retention(session).forget_objects(result)
        if len(marked) < CHUNK:
            return


async def _remove(store: ObjectStore, prefix: str) -> int:
    """Remove the objects of one attempt; return how many there were."""
    last = f"{prefix}/{RESULT_FILE}"
    keys = sorted(await store.keys(prefix), key=lambda key: key == last)
    for key in keys:
        await store.delete(key)
    return len(keys)


async def _expire_directories(database: Database, at: datetime) -> int:
    count = 0
    while True:
        async with database.write() as session:
            gone = await Retention(session).expire_directories(at, CHUNK)
        count += len(gone)
        if len(gone) < CHUNK:
            return count


async def _remove_leftovers(database: Database, store: ObjectStore, before: datetime) -> int:
    """Remove objects that were stored by an attempt which could not record them."""
    count = 0
    while True:
        async with database.read() as session:
            batches = await Retention(session).untidied(before, CHUNK)
        for batch in batches:
            async for item in _attempted(database, batch):
                count += await _remove_unnamed(database, store, batch, item)
            async with database.write() as session:
                await Retention(session).mark_tidied(batch)
        if len(batches) < CHUNK:
            return count


async def _attempted(database: Database, batch: Batch) -> AsyncIterator[Attempted]:
    after = 0
    while True:
        async with database.read() as session:
            items = await Retention(session).attempted(batch, after, CHUNK)
        for item in items:
            yield item
        if len(items) < CHUNK:
            return
        after = items[-1].position


async def _remove_unnamed(
    database: Database, store: ObjectStore, batch: Batch, item: Attempted
) -> int:
    """Remove what attempts of ended runs left; a run that began meanwhile keeps its own."""
    folder = job_folder(item.project_id, item.job_id)
    attempts = {key.removeprefix(f"{folder}/").split("/")[0] for key in await store.keys(folder)}
    old = {f"{folder}/{name}" for name in attempts if int(name.split("-")[0]) <= batch.epoch}
    async with database.read() as session:
        unnamed = old - await Retention(session).named(sorted(old))
    return sum([await _remove(store, prefix) for prefix in sorted(unnamed)])


async def _forget_events(database: Database, before: datetime) -> int:
    count = 0
    while True:
        async with database.write() as session:
            gone = await Deliveries(session).forget(before, CHUNK)
        count += gone
        if gone < CHUNK:
            return count
