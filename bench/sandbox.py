"""What confining engine processes costs: the pool on real PDFs, at each level in turn."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import FAST, copies, sound
from docmill.engines.base import EngineTask
from docmill.isolation.pool import EnginePool
from docmill.isolation.sandbox.confinement import Mode, Reuse, available

SIDES = {
    "off": (Mode.OFF, Reuse.GROUP),
    "group": (Mode.REQUIRE, Reuse.GROUP),
    "document": (Mode.REQUIRE, Reuse.DOCUMENT),
}


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the sides over the same PDFs; each has a pool that is warm."""
    found, count = await sound(bench.source), bench.of(270, 4)
    papers = copies(found, bench.folder / "papers", count)
    warm = copies(found, bench.folder / "warm", len(found))
    pools = {
        name: EnginePool(SLOTS, confinement=available(mode), reuse=reuse)
        for name, (mode, reuse) in SIDES.items()
    }
    for pool in pools.values():
        await pool.start()
    try:
        for name, pool in pools.items():
            await _seconds(pool, warm, bench.folder / f"warm-{name}")
        for number in range(bench.rounds):
            yield {
                name: count / await _seconds(pool, papers, bench.folder / f"{name}-{number}")
                for name, pool in pools.items()
            }
    finally:
        for pool in pools.values():
            await pool.close()


async def _seconds(pool: EnginePool, papers: Path, outputs: Path) -> float:
    tasks = []
    for paper in sorted(papers.iterdir()):
        output = outputs / paper.stem
        output.mkdir(parents=True)
        tasks.append(EngineTask("parse", str(paper), paper.name, str(output), FAST))
    began = time.perf_counter()
    await asyncio.gather(*(pool.run(task, project="bench") for task in tasks))
    return time.perf_counter() - began


FIGURE = Figure(
    "sandbox",
    (
        Row("pool, confined, a process for a project / off", "group", "off", "files/s", 0.95),
        Row("pool, confined, a process for a document / off", "document", "off", "files/s"),
    ),
    measure,
)
