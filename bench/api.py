"""Latencies of the API under full load, with 100,000 items and 10,000 batches in the tables."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx

from bench import processes
from bench.beside import until_processed, write_commands
from bench.harness import Bench, Figure, Round, Row, quantile
from bench.inputs import write_notes
from bench.job_lists import fill
from bench.mill import Mill, docmill
from docmill.embedded.addresses import free_port
from docmill.errors import NotFoundError

OLD_ITEMS = 10
"""Items of each old batch in the tables."""
WARM = 3
"""Requests of each kind that are not counted, because the first ones compile statements."""
PAUSE_SECONDS = 0.02
POLL_SECONDS = 0.005
QUIET_SECONDS = 1.0
"""A cancelled batch that started no item for this time has stopped."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Send requests, create and cancel batches, while a worker processes a large batch."""
    async with docmill(bench.folder) as mill:
        await fill(mill.database, bench.of(10_000, 20), OLD_ITEMS)
        other = await mill.new_project()
        async with (
            processes.mock_worker(mill),
            processes.api(mill, free_port()) as (_, client),
        ):
            for number in range(bench.rounds):
                place = bench.folder / f"round-{number}"
                count = bench.of(100_000, 400)
                load = await mill.start(write_notes(place / "load", count))
                await until_processed(mill, load.id, 20)
                found = await _asked(client, load.id, bench.of(200, 5))
                found |= await _steered(mill, place, other, bench.of(20, 1), bench.of(5, 1))
                with suppress(NotFoundError):  # it may have ended, which the table shows
                    await mill.client.cancel(load.id, "measured")
                cut = (await mill.client.result(load.id)).tally.cancelled
                shutil.rmtree(place)
                yield found | {"left": cut}


async def _asked(client: httpx.AsyncClient, batch_id: str, times: int) -> dict[str, float]:
    """Request each page in turn; return the 99th percentiles in milliseconds."""
    live = f"/api/docmill/v1/batches/{batch_id}"
    urls = {
        "status": f"/api/v2/batches/{batch_id}",
        "live": live,
        "items": f"{live}/items?page_size=100",
        "list": "/api/v2/batches?page_size=50",
        "jobs": "/api/v2/parse?page_size=50",
    }
    seconds: dict[str, list[float]] = {name: [] for name in urls}
    for number in range(WARM + times):
        for name, url in urls.items():
            began = time.perf_counter()
            answer = await client.get(url)
            if number >= WARM:
                seconds[name].append(time.perf_counter() - began)
            if answer.status_code != httpx.codes.OK:
                raise RuntimeError(f"{url}: {answer.status_code} {answer.text[:200]}")
            await asyncio.sleep(PAUSE_SECONDS)
    return {name: quantile(found, 0.99) * 1000 for name, found in seconds.items()}


async def _steered(
    mill: Mill, place: Path, project: str, creates: int, cancels: int
) -> dict[str, float]:
    """Create and cancel batches of another project while the load runs."""
    firsts, lasts = [], []
    for number in range(creates):
        record = place / f"created-{number}"
        command = {"do": "parse", "record": str(record)}
        files = write_commands(place / f"create-{number}", 2, command)
        began = time.perf_counter()
        batch = await mill.start(files, project_id=project)
        await asyncio.to_thread(_wait_for, record)
        firsts.append(time.perf_counter() - began)
        await mill.client.result(batch.id)
    for number in range(cancels):
        record = place / f"cancelled-{number}"
        slow = {"do": "sleep", "seconds": 0.2, "record": str(record)}
        files = write_commands(place / f"cancel-{number}", 200, slow)
        batch = await mill.start(files, project_id=project)
        await asyncio.to_thread(_wait_for, record)
        began = time.perf_counter()
        await mill.client.cancel(batch.id, "measured")
        lasts.append(max(0.0, await asyncio.to_thread(_last_change, record) - began))
        await mill.client.result(batch.id)
    return {
        "first item": quantile(firsts, 0.95),
        "first item median": median(firsts),
        "last item": quantile(lasts, 0.95),
    }


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(POLL_SECONDS)


def _last_change(path: Path) -> float:
    """Return when an engine last started a file, once none has for `QUIET_SECONDS`."""
    size, changed = -1, time.perf_counter()
    while (now := time.perf_counter()) - changed < QUIET_SECONDS:
        if (found := path.stat().st_size) != size:
            size, changed = found, now
        time.sleep(POLL_SECONDS)
    return changed


FIGURE = Figure(
    "api",
    (
        Row("status of a running batch, p99", "status", unit="ms", at_most=50),
        Row("live counts of a running batch, p99", "live", unit="ms", at_most=50),
        Row("page of 100 items of a running batch, p99", "items", unit="ms", at_most=100),
        Row("list of batches, 50 of 10,000, p99", "list", unit="ms", at_most=50),
        Row("list of jobs, 50 of 100,000, p99", "jobs", unit="ms"),
        Row("create to first item in its engine, p95", "first item", unit="s", at_most=0.5),
        Row("create to first item in its engine, median", "first item median", unit="s"),
        Row("cancel to last new item in an engine, p95", "last item", unit="s", at_most=1),
        Row("files of the load that were left at the end", "left", unit="files", at_least=1),
    ),
    measure,
)
