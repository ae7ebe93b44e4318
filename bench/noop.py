"""Items per second with an engine that does nothing, compared with the minimal workflow (C)."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

from bench import bare
from bench.harness import SLOTS, Bench, Figure, Round, Row
from bench.inputs import write_notes
from bench.mill import Mill, docmill
from docmill.testing import mock_engine
from worker import running_worker

WINDOW = 50
"""Items in flight: the default concurrency of a batch."""
MANY_SLOTS = 8
WARM = 64
"""Items before the measurement, which start the engine's child processes."""


async def measure(bench: Bench) -> AsyncIterator[Round]:
    """Alternate the minimal workflow on few and on many slots, and batches of both kinds."""
    items, many = bench.of(2_000, 10), bench.of(6_000, 120)
    async with docmill(bench.folder) as mill:
        for number in range(bench.rounds):
            c2 = await bare.items_per_second(mill.temporal, items, WINDOW, SLOTS)
            c8 = await bare.items_per_second(mill.temporal, items, WINDOW, MANY_SLOTS)
            found = {"c2": c2, "best C": max(c2, c8)}
            async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
                await mill.run(write_notes(bench.folder / f"warm-{number}", bench.of(WARM, 4)))
                notes = write_notes(bench.folder / f"single-{number}", items)
                found |= await _batch(mill, notes, items, "single", items_per_activity=1)
                notes = write_notes(bench.folder / f"grouped-{number}", many)
                found |= await _batch(mill, notes, many, "grouped")
            yield found


async def _batch(mill: Mill, notes: Path, items: int, name: str, **spec: int) -> Round:
    before = _size(mill)
    began = time.perf_counter()
    batch, result = await mill.run(notes, concurrency=WINDOW, **spec)
    speed = items / (time.perf_counter() - began)
    assert result.tally.completed == items, result
    rows = (_size(mill) - before) / items
    events, size = await mill.history(batch.id)
    return {
        name: speed,
        f"{name} events": events / items,
        f"{name} history": size / items,
        f"{name} rows": rows,
    }


def _size(mill: Mill) -> int:
    """Return the bytes of the records database, including those in its write-ahead log."""
    with closing(sqlite3.connect(mill.settings.home / "records.db")) as connection:
        ((pages,),) = connection.execute("PRAGMA page_count")
        ((size,),) = connection.execute("PRAGMA page_size")
    return int(pages * size)


FIGURE = Figure(
    "noop",
    (
        Row("no-op items, one activity each / C on 2 slots", "single", "c2", "items/s", 0.5),
        Row("no-op items, default grouping / C on 2 slots", "grouped", "c2", "items/s", 3),
        Row("no-op items, default grouping / best C", "grouped", "best C", "items/s", 1.5),
        Row("events of history per item, one activity each", "single events"),
        Row("events of history per item, default grouping", "grouped events"),
        Row("history per item, one activity each", "single history", unit="bytes"),
        Row("history per item, default grouping", "grouped history", unit="bytes"),
        Row("records database per item", "grouped rows", unit="bytes"),
    ),
    measure,
)
