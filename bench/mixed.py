"""One PDF of 3,000 pages among small files, compared with the ideal makespan of the engine."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import FAST, copies, write_pdf
from bench.mill import docmill
from docmill.contracts.batches import JobSpec
from docmill.engines.base import EngineTask
from docmill.isolation.pool import EnginePool
from worker import running_worker

SAMPLE = 10
"""One of this many small files is measured alone, because they are alike."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate a batch, and the engine alone on the long file and on a sample of the others."""
    pages, small = bench.of(3_000, 60), bench.of(500, 10)
    page = write_pdf(bench.folder / "page.pdf", 1)
    async with docmill(bench.folder) as mill, EnginePool(1) as pool:
        for number in range(bench.rounds):
            folder = copies([page], bench.folder / f"files-{number}", small)
            long = write_pdf(folder / "long.pdf", pages, seed=number)
            sample = sorted(folder.glob("0*.pdf"))[::SAMPLE]
            alone = await _seconds(pool, [long])
            others = await _seconds(pool, sample) / len(sample) * small
            async with running_worker(mill.temporal, mill.settings):
                warm = copies([page], bench.folder / f"warm-{number}", 2 * SLOTS)
                await mill.run(warm, job=JobSpec(parameters=FAST))
                began = time.perf_counter()
                _, result = await mill.run(folder, job=JobSpec(parameters=FAST))
                took = time.perf_counter() - began
            assert result.tally.completed == small + 1, result
            yield {"batch": took, "ideal": (alone + others) / SLOTS, "long file alone": alone}


async def _seconds(pool: EnginePool, documents: list[Path]) -> float:
    """Return the seconds of an engine child for documents, one after the other."""
    tasks = []
    for document in documents:
        output = document.parent.with_name("alone") / document.parent.name / document.stem
        await asyncio.to_thread(output.mkdir, parents=True)
        tasks.append(EngineTask("parse", str(document), document.name, str(output), FAST))
    began = time.perf_counter()
    for task in tasks:
        await pool.run(task)
    return time.perf_counter() - began


FIGURE = Figure(
    "mixed",
    (
        Row("a long PDF among small files / ideal makespan", "batch", "ideal", "s", at_most=1.15),
        Row("the long PDF alone, one engine process", "long file alone", unit="s"),
    ),
    measure,
)
