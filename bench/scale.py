"""One very large batch: ``python -m bench.scale [--items N] [--postgres] [--workers N]``.

Files of one line go through the mock engine, in worker processes, in one batch. Printed, and
written as JSON: whether every file is accounted for, speed, memory, history, rows and bytes.
1,000,000 files need about 20 GB below ``--folder``.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select, text

from bench.harness import machine
from bench.inputs import write_notes
from bench.job_lists import databases
from bench.mill import Mill, docmill
from bench.processes import memory_of, mock_worker, pid_of
from docmill.logs import configure_logs
from docmill.records.counts import counts_of
from docmill.records.tables.base import Table
from docmill.records.tables.batches import Batch

POLL_SECONDS = 5.0
REPORT_SECONDS = 60.0
PART = 0.1
"""The speeds of the first and the last tenth show whether the cost of an item grows."""


async def run(folder: Path, items: int, workers: int, *, postgres: bool) -> dict[str, Any]:
    """Run one batch of ``items`` and return the results."""
    notes = await asyncio.to_thread(write_notes, folder / "notes", items)
    async with _database(folder, postgres=postgres) as changes, docmill(folder, **changes) as mill:
        async with AsyncExitStack() as stack:
            pids = [await stack.enter_async_context(mock_worker(mill)) for _ in range(workers)]
            began = time.perf_counter()
            batch = await mill.start(notes)
            created = time.perf_counter() - began
            watching = asyncio.create_task(_watch(mill, batch, pids))
            result = await mill.client.result(batch.id)
            wall = time.perf_counter() - began
            watching.cancel()
            peaks = (await asyncio.gather(watching, return_exceptions=True))[0]
        events, size = await mill.history(batch.id)
        return {
            "items": items,
            "accounted": result.tally.accounted,
            "tally": result.tally.model_dump(),
            "seconds": round(wall, 1),
            "of which create": round(created, 1),
            "items per second": round(items / wall, 1),
            "peak memory, MiB": peaks if isinstance(peaks, dict) else None,
            "history events": events,
            "history bytes": size,
            **await _sizes(mill),
            "machine": machine(),
        } | await _speeds(mill, batch)


@asynccontextmanager
async def _database(folder: Path, *, postgres: bool) -> AsyncIterator[dict[str, Any]]:
    """Yield the settings of the database; a PostgreSQL server runs during the block."""
    if not postgres:
        yield {}
        return
    async for kind, url in databases(folder):
        if kind == "PostgreSQL":
            yield {"database_url": SecretStr(url)}


async def _watch(mill: Mill, batch: Batch, workers: list[int]) -> dict[str, int]:
    """Measure memory and report progress until cancelled; return the peaks in MiB."""
    pids = {f"worker {n}": pid for n, pid in enumerate(workers, start=1)}
    pids |= {"temporal": pid_of(mill.settings.home, "temporal"), "client": os.getpid()}
    peaks = dict.fromkeys(pids, 0)
    told = 0.0
    try:
        while True:
            for name, pid in pids.items():
                peaks[name] = max(peaks[name], memory_of(pid) // 2**20)
            if time.monotonic() - told > REPORT_SECONDS:
                told = time.monotonic()
                async with mill.database.read() as session:
                    counts = (await counts_of(session, [batch.id]))[batch.id]
                sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {counts.accounted:,} {peaks}\n")
            await asyncio.sleep(POLL_SECONDS)
    except asyncio.CancelledError:
        return peaks


async def _sizes(mill: Mill) -> dict[str, Any]:
    """Return the rows of each table, and the bytes of both databases."""
    rows = {}
    async with mill.database.read() as session:
        for table in Table.metadata.sorted_tables:
            if count := await session.scalar(select(func.count()).select_from(table)):
                rows[table.name] = count
        size = "SELECT pg_database_size(current_database())"
        if mill.database.is_sqlite:
            size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        records = await session.scalar(text(size))
    temporal = sum(path.stat().st_size for path in mill.settings.home.glob("temporal.db*"))
    return {"rows": rows, "records bytes": records, "temporal bytes": temporal}


async def _speeds(mill: Mill, batch: Batch) -> dict[str, float]:
    """Return the items per second of the first and of the last tenth of a batch."""
    ends = "SELECT finished_at FROM batch_items WHERE batch_id = :batch ORDER BY finished_at"
    count = batch.total or 0
    part = max(1, int(count * PART))
    async with mill.database.read() as session:
        found = [
            await session.scalar(text(f"{ends} LIMIT 1 OFFSET {place}"), {"batch": batch.id})
            for place in (0, part, count - 1 - part, count - 1)
        ]
    first, early, late, last = (
        one if isinstance(one, datetime) else datetime.fromisoformat(str(one)) for one in found
    )
    return {
        "first tenth, items per second": round(part / (early - first).total_seconds(), 1),
        "last tenth, items per second": round(part / (last - late).total_seconds(), 1),
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--folder", type=Path, help="for everything; default: temporary files")
    parser.add_argument("--json", type=Path, default=Path("bench-scale.json"))
    args = parser.parse_args()
    configure_logs("ERROR", "console")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped too
    with tempfile.TemporaryDirectory(prefix="dmscale", dir=args.folder) as name:
        work = run(Path(name), args.items, args.workers, postgres=args.postgres)
        found = json.dumps(asyncio.run(work), indent=1)
        args.json.write_text(found + "\n")
    sys.stdout.write(found + "\n")
    sys.stdout.flush()
    # A process that used a Temporal client can abort in the interpreter's own shutdown.
    os._exit(0)


if __name__ == "__main__":
    main()
