"""Real PDFs: through batches, through the pool alone, in two bare processes, by ``lit``."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure
from bench.mill import Mill
from docmill.engines.base import EngineTask, Limits
from docmill.engines.parsing import Watcher
from docmill.engines.registry import builtin
from docmill.engines.running import run_task
from docmill.isolation.environment import child_environment
from docmill.isolation.pool import EnginePool
from worker import running_worker

PROCESSES = 2


async def sound(source: Path) -> list[Path]:
    """Return the PDFs below ``source`` that the engine reads: ``lit`` fails with one."""
    found = await asyncio.to_thread(lambda: sorted(source.rglob("*.pdf")))
    with tempfile.TemporaryDirectory() as output:
        async with EnginePool(PROCESSES) as pool:
            work = [pool.run(EngineTask("parse", str(p), p.name, output)) for p in found]
            reports = await asyncio.gather(*work, return_exceptions=True)
    return [
        path
        for path, report in zip(found, reports, strict=True)
        if not isinstance(report, BaseException)
    ]


def copies(found: list[Path], folder: Path, count: int, salt: str) -> Path:
    """Copy PDFs round and round until there are ``count``.

    A comment at the end makes each its own bytes: nothing is skipped as done before.
    """
    folder.mkdir(parents=True)
    for number in range(count):
        content = found[number % len(found)].read_bytes()
        (folder / f"{number:04}.pdf").write_bytes(content + f"\n% {salt} {number}\n".encode())
    return folder


async def measure(mill: Mill, source: Path, folder: Path, count: int, rounds: int) -> list[Figure]:
    """Alternate all of them over the same files, each process with one thread as children have."""
    one_thread = {name: value for name, value in child_environment().items() if value == "1"}
    os.environ.update(one_thread)
    ways: dict[str, Callable[[Path], Awaitable[None]]] = {
        "limit: the engine in two bare processes": _bare,
        "the pool of isolated children alone": _pool,
        "whole product": lambda papers: _product(mill, papers),
    }
    if lit := _lit():
        ways["`lit batch-parse --num-workers 2`"] = lambda papers: _run_lit(lit, papers)
    speeds: dict[str, list[float]] = {what: [] for what in ways}
    originals = await sound(source)
    for number in range(rounds):
        papers = copies(originals, folder / f"papers-{number}", count, f"round {number}")
        for what, way in ways.items():
            began = time.perf_counter()
            await way(papers)
            speeds[what].append(count / (time.perf_counter() - began))
            shutil.rmtree(papers.with_name("out"), ignore_errors=True)
    limit = next(iter(speeds.values()))
    return [
        Figure(
            what,
            median(found),
            "files/s",
            f"{median(a / b for a, b in zip(found, limit, strict=True)):.2f} of the limit"
            if found is not limit
            else "",
        )
        for what, found in speeds.items()
    ]


async def _product(mill: Mill, papers: Path) -> None:
    async with running_worker(mill.temporal, mill.settings):
        await mill.run(papers)


async def _pool(papers: Path) -> None:
    async with EnginePool(PROCESSES) as pool:
        work = [pool.run(task) for task in _tasks(papers)]
        await asyncio.gather(*work)


async def _bare(papers: Path) -> None:
    tasks = [asdict(task) for task in _tasks(papers)]

    def run() -> None:
        with get_context("spawn").Pool(PROCESSES) as processes:
            processes.map(_bare_task, tasks, chunksize=1)

    await asyncio.to_thread(run)


def _bare_task(task: dict[str, Any]) -> None:
    run_task(EngineTask(**(task | {"limits": Limits()})), builtin(), Watcher())


def _tasks(papers: Path) -> list[EngineTask]:
    tasks = []
    for paper in sorted(papers.iterdir()):
        output = papers.with_name("out") / paper.stem
        output.mkdir(parents=True)
        tasks.append(EngineTask("parse", str(paper), paper.name, str(output)))
    return tasks


def _lit() -> str | None:
    found = Path(sys.prefix) / "bin" / "lit"
    return str(found) if found.exists() else None


async def _run_lit(lit: str, papers: Path) -> None:
    ocr = str(Path(sys.prefix) / "share" / "tessdata")  # it would load the data from the network
    options = ("--format", "markdown", "--num-workers", str(PROCESSES), "--tessdata-path", ocr)
    output = papers.with_name("out")
    program = await asyncio.create_subprocess_exec(
        lit, "batch-parse", papers, output, *options, stdout=DEVNULL, stderr=DEVNULL
    )
    if await program.wait():
        raise RuntimeError("lit could not read all files")
