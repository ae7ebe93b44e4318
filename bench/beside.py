"""Latency of a small batch while a grouped batch of another project runs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

from bench.harness import Bench, Figure, Round, Row
from bench.mill import Mill, docmill
from docmill.errors import NotFoundError
from docmill.testing import mock_engine
from worker import running_worker

SMALL = 10
"""Items of the small batch, of 0.1 seconds each."""
SLEEP = {"do": "sleep", "seconds": 0.1}
CROWD_SLEEP = {"do": "sleep", "seconds": 0.02}
"""Command of the large batch: about fifty items make a group of about a second."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the small batch alone and while the large one runs."""
    crowd = bench.of(10_000, 120)
    async with docmill(bench.folder) as mill:
        other = await mill.new_project()
        async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
            await _seconds(mill, bench.folder / "warm")
            for number in range(bench.rounds):
                place = bench.folder / f"round-{number}"
                alone = await _seconds(mill, place / "alone")
                files = write_commands(place / "crowd", crowd, CROWD_SLEEP)
                large = await mill.start(files, project_id=other)
                await until_processed(mill, large.id, min(crowd // 3, 200))
                beside = await _seconds(mill, place / "beside")
                with suppress(NotFoundError):  # a small one may have ended
                    await mill.client.cancel(large.id, "measured")
                await mill.client.result(large.id)
                yield {"alone": alone, "beside": beside}


async def _seconds(mill: Mill, folder: Path) -> float:
    """Run a small batch of the default project."""
    files = write_commands(folder, SMALL, SLEEP)
    began = time.perf_counter()
    _, result = await mill.run(files)
    assert result.tally.completed == SMALL, result
    return time.perf_counter() - began


async def until_processed(mill: Mill, batch_id: str, count: int) -> None:
    """Wait until ``count`` items of a batch have completed."""
    while (await mill.client.progress(batch_id)).processed < count:
        await asyncio.sleep(0.05)


def write_commands(folder: Path, count: int, command: Mapping[str, object]) -> Path:
    """Write files with a command for the mock engine."""
    folder.mkdir(parents=True)
    for number in range(count):
        text = f"{json.dumps(command)}\n{folder} {number}\n"
        (folder / f"{number:06}.txt").write_text(text)
    return folder


FIGURE = Figure(
    "beside",
    (
        Row(
            "small batch beside a grouped one of another project / alone",
            *("beside", "alone", "s"),
            at_most=2,
        ),
    ),
    measure,
)
