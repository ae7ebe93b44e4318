"""The number of rows that a page of jobs reads is bounded with any filters."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.job_lists import fill
from docmill.records.database import Database
from docmill.records.job_lists import MAX_READ
from docmill.records.jobs import Job, Jobs
from docmill.records.keyset import Slice
from tests.records.making import PROJECT

STEPS_OF_AN_ENTRY = 100
"""More than SQLite's machine takes to read an index entry, with its share of the rest."""
NOTHING = (
    {"status": "RUNNING"},
    {"status": "PENDING"},
    {"status": "CANCELLED"},
    {"job_type": "extract"},
    {"configuration_id": "cfg-none"},
    {"input_kind": "url"},
    {"file_input": "dfl-none"},
    {"job_ids": ["pjb-none"]},
)
_READ = """
SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) + (SELECT sum(seq_tup_read)
FROM pg_stat_user_tables WHERE relname IN ('batches', 'batch_items', 'directory_files'))
"""


async def _entries_so_far(database: Database) -> int:
    """What PostgreSQL has read of indexes, and of whole tables."""
    async with database.read() as session:
        return int(await session.scalar(text(_READ)) or 0)


async def _page(database: Database, **options: Any) -> tuple[Slice[Job], int]:
    """A page, and how many index entries the database read for it."""
    if not database.is_sqlite:
        before = await _entries_so_far(database)
        async with database.read() as session:
            found = await Jobs(session).list(PROJECT, **options)
            await session.execute(text("SELECT pg_stat_force_next_flush()"))
        return found, await _entries_so_far(database) - before
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    async with database.read() as session:
        await _on_progress(session, tick)
        found = await Jobs(session).list(PROJECT, **options)
        await _on_progress(session, None)
    return found, ticks * 100 // STEPS_OF_AN_ENTRY


async def _on_progress(session: AsyncSession, call: Any) -> None:
    """Have SQLite call something every hundred steps of its machine."""
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    assert connection is not None
    await connection.set_progress_handler(call, 100)


@pytest.mark.parametrize(("batches", "each"), [(1, 30_000), (3_000, 10)])
async def test_page_reads_a_bounded_number_of_rows_with_any_filter(
    database: Database, batches: int, each: int
) -> None:
    await fill(database, batches, each)
    for filters in NOTHING:
        found, read = await _page(database, **filters)
        assert (found.items, found.next) == ([], None)
        assert read <= 3 * batches + 300, filters
    for filters in ({}, {"status": "COMPLETED"}):
        found, read = await _page(database, limit=50, **filters)
        assert len(found.items) == 50
        assert read <= 3_000, filters
    cursor, failed = None, []
    while True:
        found, read = await _page(database, status="FAILED", limit=2, cursor=cursor)
        assert read <= 3 * batches + 300
        failed += [job.id for job in found.items]
        cursor = found.next
        if cursor is None:
            break
    assert sorted(failed) == ["pjb-10007", "pjb-20007", "pjb-7"]


async def test_filtered_page_ends_at_the_read_bound_and_the_next_continues(
    database: Database,
) -> None:
    await fill(database, 1, 30_000)
    late = "UPDATE batch_items SET job_created_at = started_at + {day} WHERE position IN (5, 29000)"
    day = "interval '1 day'"
    async with database.write() as session:
        if database.is_sqlite:
            late, day = late.replace("started_at + {day}", "'2026-01-02 00:00:00.000000'"), ""
        await session.execute(text(late.format(day=day)))
        moment = (await Jobs(session).get(PROJECT, "pjb-5")).created_at

    first, read = await _page(database, created_from=moment)
    assert [job.position for job in first.items] == [5]
    assert read <= MAX_READ
    assert first.next is not None
    second, _ = await _page(database, created_from=moment, cursor=first.next)
    assert [job.position for job in second.items] == [29_000]
    assert second.next is None
