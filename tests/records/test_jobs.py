"""Jobs: derived from ledger rows, their batches and their results."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from docmill.contracts.words import BatchStatus, ItemStatus, JobStatus, Outcome
from docmill.errors import ConflictError, NotFoundError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.jobs import Job, Jobs
from docmill.records.ledger import Ledger
from docmill.records.redrives import Redrives
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from tests.records.making import (
    PROJECT,
    batch_over,
    claim,
    complete,
    failed,
    page,
    scanned,
    settle,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


async def _jobs(database: Database, **filters: Any) -> list[Job]:
    """All jobs of a list, read two at a time."""
    found: list[Job] = []
    cursor: str | None = None
    async with database.read() as session:
        while True:
            slice_ = await Jobs(session).list(PROJECT, limit=2, cursor=cursor, **filters)
            found += slice_.items
            cursor = slice_.next
            if cursor is None:
                return found
            assert slice_.items, "an empty page with a token ends the clients' loops"


async def _job(database: Database, job_id: str) -> Job:
    async with database.read() as session:
        return await Jobs(session).get(PROJECT, job_id)


async def _end(database: Database, batch: Batch, status: BatchStatus, **fields: Any) -> None:
    async with database.write() as session:
        await Batches(session).move(
            batch.id, status, from_=tuple(BatchStatus), ended_at=datetime.now(UTC), **fields
        )


async def _redrive(database: Database, batch: Batch, **fields: Any) -> Batch:
    async with database.write() as session:
        await Redrives(session).begin(await Batches(session).get(None, batch.id), None, **fields)
        begun = await Batches(session).get(None, batch.id)
        assert await Redrives(session).reset_items(begun, 100)
        return begun


@pytest.mark.parametrize("batch", list(BatchStatus))
@pytest.mark.parametrize("item", list(ItemStatus))
def test_job_of_an_ended_batch_has_ended(item: ItemStatus, batch: BatchStatus) -> None:
    status = JobStatus.of(item, batch, has_result=item is ItemStatus.COMPLETED)
    assert status.terminal or not (item.ended or batch.terminal)


async def test_item_has_a_job_from_its_first_claim(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 3))
    await page(database, batch)
    assert await _jobs(database) == []

    item = await claim(database, batch, 2)

    (job,) = await _jobs(database)
    assert (job.id, job.status, job.name) == (item.job_id, JobStatus.RUNNING, "000001.pdf")
    async with database.write() as session:
        assert await Ledger(session).hand_back([item])
    again = await _job(database, item.job_id)
    assert (again.status, again.created_at) == (JobStatus.PENDING, job.created_at)


async def test_sqlite_reads_a_page_of_jobs_by_ids_and_counts_batches_by_an_index_alone(
    migrated_sqlite_url: str,
) -> None:
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    batch = await batch_over(database, await scanned(database, 50))
    await page(database, batch)
    for position in range(1, 51):
        await claim(database, batch, position)
    ran: list[tuple[str, Any]] = []
    for engine in database.engines:
        event.listen(engine, "before_cursor_execute", lambda *args: ran.append(args[2:4]))
    async with database.scoped(PROJECT).read() as session:
        assert len((await Jobs(session).list(PROJECT, limit=50)).items) == 50
        assert await Batches(session).count(PROJECT, api=("v2", "cli")) == 1
    await database.close()

    def plan_of(words: str) -> str:
        (found,) = (one for one in ran if words in one[0])
        with closing(sqlite3.connect(str(database.path))) as raw:
            steps = raw.execute(f"EXPLAIN QUERY PLAN {found[0]}", found[1])
            return str(next(steps)[3])

    assert "USING INDEX ix_batch_items_job_id" in plan_of("job_details.user_metadata")
    assert "USING COVERING INDEX" in plan_of("batches.api IN")


async def test_cancelled_item_has_a_job_with_a_reason_only_when_it_was_claimed(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 3))
    await page(database, batch, limit=2)
    item = await claim(database, batch, 1)
    async with database.write() as session:
        while await Ledger(session).cancel_rest(batch, 10, "The batch was stopped."):
            continue

    (job,) = await _jobs(database)

    assert (job.id, job.status) == (item.job_id, JobStatus.CANCELLED)
    assert (job.failure_class, job.error_message) == ("cancelled", "The batch was stopped.")
    async with database.read() as session:
        items = await Ledger(session).walk(batch, 0, 9)
    assert [row.job_id for row in items] == [item.job_id, None, None]


async def test_job_of_an_unfinished_item_ends_with_its_batch(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    item = await claim(database, batch, 1)

    await _end(database, batch, BatchStatus.FAILED, reason="its workflow failed")

    job = await _job(database, item.job_id)
    assert (job.status, job.error_message) == (JobStatus.FAILED, "its workflow failed")
    assert [one.id for one in await _jobs(database, status="FAILED")] == [job.id]
    assert await _jobs(database, status="RUNNING") == []


async def test_deleted_job_is_gone_and_its_item_remains(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    item = await claim(database, batch, 1)
    async with database.write() as session:
        with pytest.raises(ConflictError, match="has not ended"):
            await Jobs(session).delete(PROJECT, item.job_id)
    await settle(database, item, failed())
    async with database.write() as session:
        with pytest.raises(NotFoundError):
            await Jobs(session).delete("prj-other", item.job_id)
        await Jobs(session).delete(PROJECT, item.job_id)

    assert await _jobs(database) == []
    assert await _jobs(database, job_ids=[item.job_id]) == []
    with pytest.raises(NotFoundError):
        await _job(database, item.job_id)
    async with database.read() as session:
        (row,) = await Ledger(session).walk(batch, 0, 9)
    assert row.status == Outcome.FAILED


async def test_redrive_keeps_job_id_and_creation_time_and_restores_deleted_jobs(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 2))
    await page(database, batch)
    for position in (1, 2):
        await settle(database, await claim(database, batch, position), failed())
    first, second = await _jobs(database)
    async with database.write() as session:
        await Jobs(session).delete(PROJECT, second.id)
    await _end(database, batch, BatchStatus.COMPLETED)

    await _redrive(database, batch)

    again = await _jobs(database)
    assert [job.id for job in again] == [first.id, second.id]
    assert {job.status for job in again} == {JobStatus.PENDING}
    assert again[0].created_at == first.created_at
    assert again[0].error_message is None


async def test_job_shows_the_parameters_of_its_execution(
    database: Database,
) -> None:
    batch = await batch_over(
        database, await scanned(database, 2), parameters={"tier": "fast"}, configuration_id="cfg-1"
    )
    await page(database, batch)
    await complete(database, batch, 1, "aa")
    await settle(database, await claim(database, batch, 2), failed())
    await _end(database, batch, BatchStatus.COMPLETED)

    await _redrive(database, batch, parameters={"tier": "agentic"}, configuration_id="cfg-2")

    jobs = await _jobs(database)
    assert [job.parameters["tier"] for job in jobs] == ["fast", "agentic"]
    assert [job.configuration_id for job in jobs] == ["cfg-1", "cfg-2"]
    for job in jobs:
        found = await _jobs(database, configuration_id=job.configuration_id)
        assert [one.id for one in found] == [job.id]


async def test_single_job_is_readable_before_it_runs(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1), api="job")
    await page(database, batch)
    for notes in ({"owner": "ada"}, {"owner": "bob"}):
        async with database.write() as session:
            await Jobs(session).open(batch, 1, notes)

    (job,) = await _jobs(database)

    assert (job.status, job.user_metadata) == (JobStatus.PENDING, {"owner": "ada"})


async def test_jobs_are_listed_by_newest_batch_then_listing_order(
    database: Database,
) -> None:
    directory = await scanned(database, 3)
    ids: list[list[str]] = []
    for day in range(2):
        batch = await batch_over(database, directory, created_at=START + timedelta(days=day))
        await page(database, batch)
        ids.append([(await claim(database, batch, at)).job_id for at in (3, 1, 2)])

    old, new = ([at_1, at_2, at_3] for at_3, at_1, at_2 in ids)
    assert [job.id for job in await _jobs(database)] == [*new, *old]
    assert await _jobs(database, created_to=START) == []
    assert len(await _jobs(database, created_from=START)) == 6


async def test_jobs_are_found_by_filters(database: Database) -> None:
    directory = await scanned(database, 4)
    parse = await batch_over(database, directory, created_at=START)
    await page(database, parse)
    await complete(database, parse, 1, "aa")
    await settle(database, await claim(database, parse, 2), failed())
    await claim(database, parse, 3)
    config = {"document_input_type": "url", "file_input": "https://example.com/a"}
    single = await batch_over(database, directory, api="job", job_type="extract", config=config)
    await page(database, single, after=3)
    async with database.write() as session:
        await Jobs(session).open(single, 4, None)

    async def found(**filters: Any) -> list[tuple[str, int]]:
        return [(job.job_type, job.position) for job in await _jobs(database, **filters)]

    assert await found(job_type="parse") == [("parse", 1), ("parse", 2), ("parse", 3)]
    assert await found(status="COMPLETED") == [("parse", 1)]
    assert await found(status="FAILED") == [("parse", 2)]
    assert await found(status="RUNNING", job_type="parse") == [("parse", 3)]
    assert await found(status="PENDING") == [("extract", 4)]
    assert await found(status="THROTTLED") == []
    assert await found(input_kind="url") == [("extract", 4)]
    assert await found(file_input="https://example.com/a") == [("extract", 4)]
    jobs = await _jobs(database)
    assert await found(file_input=jobs[1].item_id) == [("parse", 1)]
    assert await found(job_ids=[jobs[3].id, jobs[0].id]) == [("extract", 4), ("parse", 3)]
    async with database.read() as session:
        assert not (await Jobs(session).list("prj-other")).items
