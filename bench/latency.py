"""How long a user waits: from create to the first item, from cancel to the end."""

import asyncio
import json
import time
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.mill import Mill
from docmill.testing import mock_engine
from worker import running_worker

LOOK_SECONDS = 0.005
ITEMS = 200


async def measure(mill: Mill, folder: Path, rounds: int) -> list[Figure]:
    """Start batches of slow items, wait for the first, cancel."""
    firsts, cancels = [], []
    async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
        for number in range(rounds + 1):
            record = folder / f"started-{number}"
            slow = {"do": "sleep", "seconds": 5, "record": str(record)}
            first, cancelled = await _one(mill, _commands(folder / f"slow-{number}", slow), record)
            if number:  # the first round starts the children
                firsts.append(first)
                cancels.append(cancelled)
    return [
        Figure("create to first item in its engine", median(firsts) * 1000, "ms"),
        Figure("cancel to batch ended, every file accounted for", median(cancels) * 1000, "ms"),
    ]


async def _one(mill: Mill, slow: Path, record: Path) -> tuple[float, float]:
    began = time.perf_counter()
    batch = await mill.start(slow)
    await asyncio.to_thread(_wait_for, record)
    first = time.perf_counter() - began
    began = time.perf_counter()
    await mill.client.cancel(batch.id, "measured")
    result = await mill.client.result(batch.id)
    assert result.tally.cancelled == ITEMS, result
    return first, time.perf_counter() - began


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(LOOK_SECONDS)


def _commands(folder: Path, command: dict[str, object]) -> Path:
    folder.mkdir()
    for number in range(ITEMS):
        (folder / f"{number:03}.txt").write_text(f"{json.dumps(command)}\n{folder} {number}\n")
    return folder
