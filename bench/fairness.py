"""What a small batch waits for: alone, beside a huge one of another project, of the same one."""

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.mill import Mill
from docmill.errors import NotFoundError
from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.records.tables import Project
from docmill.testing import mock_engine
from worker import running_worker

SMALL = 10
"""Items of the small batch."""
ITEM = {"do": "sleep", "seconds": 0.1}


async def measure(mill: Mill, folder: Path, crowd: int, rounds: int) -> list[Figure]:
    """Time a small batch in three neighbourhoods, in turn; all its items queue behind the crowd.

    Args:
        mill: on a server that knows fairness.
        folder: for the files.
        crowd: items of the huge batch, all of them in flight.
        rounds: how often.
    """
    other = await _project(mill)
    alone: list[float] = []
    beside: list[float] = []
    behind: list[float] = []
    async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
        for number in range(rounds):
            place = folder / f"round-{number}"
            alone.append(await _seconds(mill, place / "alone"))
            for times, project in ((beside, other), (behind, DEFAULT_PROJECT_ID)):
                name = "beside" if project == other else "behind"
                huge = await mill.start(
                    _files(place / f"huge-{name}", crowd), project_id=project, concurrency=crowd
                )
                await _until_queued(mill, huge.id, crowd)
                times.append(await _seconds(mill, place / name))
                with suppress(NotFoundError):  # behind its own project's crowd it comes last
                    await mill.client.cancel(huge.id, "measured")
                await mill.client.result(huge.id)
    ratio = f"{median(beside) / median(alone):.1f} of alone"
    same = f"{median(behind) / median(alone):.1f} of alone"
    return [
        Figure(f"small batch alone ({SMALL} items)", median(alone), "s"),
        Figure(f"beside {crowd} items of another project", median(beside), "s", ratio),
        Figure(f"behind {crowd} items of its own project", median(behind), "s", same),
    ]


async def _project(mill: Mill) -> str:
    project_id = new_id(Prefix.PROJECT)
    async with mill.database.write() as session:
        session.add(Project(id=project_id, name="another", organization_id="org-bench"))
    return project_id


async def _seconds(mill: Mill, folder: Path) -> float:
    """Run a small batch of the default project."""
    files = _files(folder, SMALL)
    began = time.perf_counter()
    _, result = await mill.run(files, concurrency=SMALL)
    assert result.tally.completed == SMALL, result
    return time.perf_counter() - began


async def _until_queued(mill: Mill, batch_id: str, count: int) -> None:
    """Wait until every item of a batch waits for a slot or has one."""
    while True:
        progress = await mill.client.progress(batch_id)
        if progress.in_flight + progress.processed >= count:
            return
        await asyncio.sleep(0.01)


def _files(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:04}.txt").write_text(f"{json.dumps(ITEM)}\n{folder} {number}\n")
    return folder
