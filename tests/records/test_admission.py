"""Admission of batches: counted under a lock, in order of arrival, separately for each project."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from docmill.records.admission import Admission
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Project
from tests.records.making import batch_row

LIMIT = 2
EARLY = datetime(2026, 1, 1, tzinfo=UTC)


async def _queued(database: Database, number: int, **fields: Any) -> Batch:
    async with database.write() as session:
        row = batch_row(id=f"bat-{number}", queued_at=EARLY + timedelta(minutes=number), **fields)
        return (await Batches(session).create(row))[0]


async def _ask(database: Database, batch: Batch) -> bool:
    async with database.write() as session:
        return await Admission(session).admit(await Batches(session).get(None, batch.id), LIMIT)


async def test_racing_admissions_respect_the_limit(database: Database) -> None:
    batches = [await _queued(database, number) for number in range(8)]
    told = await asyncio.gather(*(_ask(database, batch) for batch in batches))
    assert sum(told) == LIMIT
    async with database.read() as session:
        assert await Batches(session).count(None, status="RUNNING") == LIMIT
        assert await Batches(session).count(None, status="THROTTLED") == 8 - LIMIT


async def test_batches_are_admitted_in_order_of_creation(database: Database) -> None:
    batches = [await _queued(database, number) for number in range(4)]
    for batch in batches[:2]:
        assert await _ask(database, batch)
    assert not await _ask(database, batches[3])
    assert not await _ask(database, batches[2])
    async with database.write() as session:
        await Batches(session).set_state(batches[0].id, status="COMPLETED")
    assert not await _ask(database, batches[3]), "another one came before it"
    assert await _ask(database, batches[2])


async def test_projects_and_single_jobs_do_not_wait_for_others(database: Database) -> None:
    for number in range(3):
        await _ask(database, await _queued(database, number))
    async with database.write() as session:
        session.add(Project(id="prj-other", name="other", organization_id="org-1"))
    other = await _queued(database, 10, project_id="prj-other")
    job = await _queued(database, 11, api="job")
    assert await _ask(database, other)
    assert await _ask(database, job)
