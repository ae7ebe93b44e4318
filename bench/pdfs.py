"""Real PDFs in the steady state, compared with the bare engine in as many processes (P)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import FAST, copies, sound
from bench.mill import Mill, docmill
from docmill.contracts.batches import JobSpec
from docmill.engines.base import INLINE_BYTES, EngineTask
from docmill.isolation.environment import child_environment
from docmill.isolation.pool import EnginePool
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from worker import running_worker

EDGE = 0.1
"""Ratio of the files at the start and at the end that the steady state excludes."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the bare engine, the isolated pool and batches over the same PDFs."""
    os.environ.update({k: v for k, v in child_environment().items() if v == "1"})
    found, count = await sound(bench.source), bench.of(540, 4)
    with ProcessPoolExecutor(SLOTS, get_context("spawn")) as bare:
        warm = copies(found, bench.folder / "warm", len(found) * 2)
        await _bare(bare, warm)
        async with docmill(bench.folder) as mill, EnginePool(SLOTS) as pool:
            await _pool(pool, warm)
            for number in range(bench.rounds):
                papers = copies(found, bench.folder / f"papers-{number}", count)
                sides = {
                    "P": count / await _bare(bare, papers),
                    "pool": count / await _pool(pool, papers),
                }
                async with running_worker(mill.temporal, mill.settings):
                    fresh = copies(found, bench.folder / f"warm-{number}", len(found))
                    await mill.run(fresh, job=JobSpec(parameters=FAST))
                    yield sides | {"batch": await _steady(mill, papers, count)}


async def _steady(mill: Mill, papers: Path, count: int) -> float:
    """Return the files a second of a batch between its first and its last tenth."""
    batch, result = await mill.run(papers, job=JobSpec(parameters=FAST))
    assert result.tally.completed == count, result
    ends = await _ends(mill, batch)
    first, last = int(count * EDGE), count - 1 - int(count * EDGE)
    return (last - first) / (ends[last] - ends[first])


async def _ends(mill: Mill, batch: Batch) -> list[float]:
    """Return when the files of a batch got their outcomes, in order."""
    async with mill.database.read() as session:
        items = await Ledger(session).walk(batch, 0, batch.total)
    return sorted(item.finished_at.timestamp() for item in items if item.finished_at)


async def _pool(pool: EnginePool, papers: Path) -> float:
    """Return the seconds of the pool, with the messages that a worker sends for small files."""

    async def run(paper: Path) -> None:
        output = papers.with_name("pool-out") / papers.name / paper.stem
        content = await asyncio.to_thread(paper.read_bytes)
        task = EngineTask("parse", str(paper), paper.name, str(output), FAST, inline=True)
        if len(content) <= INLINE_BYTES:
            task = replace(task, content=content)
        report = await pool.run(task)
        await asyncio.to_thread(_write, output, report.contents)

    (papers.with_name("pool-out") / papers.name).mkdir(parents=True)
    began = time.perf_counter()
    await asyncio.gather(*map(run, sorted(papers.iterdir())))
    return time.perf_counter() - began


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


async def _bare(processes: ProcessPoolExecutor, papers: Path) -> float:
    loop = asyncio.get_running_loop()
    output = papers.with_name("bare-out") / papers.name
    output.mkdir(parents=True)
    work = [(str(paper), str(output / f"{paper.stem}.md")) for paper in sorted(papers.iterdir())]
    began = time.perf_counter()
    await asyncio.gather(*(loop.run_in_executor(processes, _as_markdown, one) for one in work))
    return time.perf_counter() - began


def _as_markdown(work: Sequence[str]) -> None:
    document, target = work
    Path(target).write_text(_engine().parse(document).text, encoding="utf-8")


@cache
def _engine() -> Any:
    """Return the native engine of a process, without the layer that converts its results.

    It is shared by all files, because its creation costs more than most files.
    """
    from liteparse import LiteParse  # noqa: PLC0415 - only the bare processes need it

    return LiteParse(ocr_enabled=False, output_format="markdown", quiet=True)._native


FIGURE = Figure(
    "pdfs",
    (
        Row("real PDFs in the steady state / P", "batch", "P", "files/s", 0.75),
        Row("isolated pool alone / P", "pool", "P", "files/s"),
    ),
    measure,
)
