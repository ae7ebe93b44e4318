"""Items per second of the whole product with an engine that does nothing, beside the limit."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from bench import bare
from bench.figures import Figure
from bench.mill import Mill
from docmill.testing import mock_engine
from worker import running_worker

WINDOW = 50
"""Items in flight: the default concurrency of a batch."""


def write_notes(folder: Path, count: int, salt: str) -> Path:
    """Write small files that no measurement has seen before."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"note-{number:05}.txt").write_text(f"Note {number} of {salt}.\n")
    return folder


async def measure(mill: Mill, folder: Path, items: int, rounds: int) -> list[Figure]:
    """Alternate product and limit; then run an unchanged folder again."""
    product, limit, again, rows = [], [], [], []
    slots = mill.settings.engine_slots
    events = bytes_of_history = 0
    for number in range(rounds):
        limit.append(await bare.items_per_second(mill.temporal, items, WINDOW, slots))
        notes = write_notes(folder / f"round-{number}", items, f"round {number}")
        before = _size(mill)
        async with running_worker(mill.temporal, mill.settings, mock_engine.MODULE):
            began = time.perf_counter()
            batch, result = await mill.run(notes, concurrency=WINDOW)
            product.append(items / (time.perf_counter() - began))
            assert result.tally.completed == items, result
            rows.append((_size(mill) - before) / items)
            began = time.perf_counter()
            _, result = await mill.run(notes, concurrency=WINDOW)
            again.append(items / (time.perf_counter() - began))
            assert result.tally.skipped == items, result
        events, bytes_of_history = await _history(mill, batch.id)
    ratio = f"{median(p / b for p, b in zip(product, limit, strict=True)):.2f} of the limit"
    return [
        Figure("limit: bare workflow, one activity per item", median(limit), "items/s"),
        Figure("whole product, engine that does nothing", median(product), "items/s", ratio),
        Figure("the same folder again, unchanged", median(again), "files/s"),
        Figure("history per item, all runs", bytes_of_history / items, "bytes"),
        Figure("events per item, all runs", events / items, "events"),
        Figure("records database per item (SQLite)", median(rows), "bytes"),
    ]


def _size(mill: Mill) -> int:
    """Bytes of the records database, also those that are only in its write-ahead log yet."""
    with closing(sqlite3.connect(mill.settings.home / "records.db")) as connection:
        return sum(
            pages * size
            for (pages,), (size,) in zip(
                connection.execute("PRAGMA page_count"),
                connection.execute("PRAGMA page_size"),
                strict=True,
            )
        )


async def _history(mill: Mill, batch_id: str) -> tuple[int, int]:
    """Events and bytes of every run of a batch."""
    events = size = 0
    run = (await mill.temporal.get_workflow_handle(batch_id).describe()).raw_description
    first: str | None = run.workflow_execution_info.first_run_id
    while first:
        handle = mill.temporal.get_workflow_handle(batch_id, run_id=first)
        history = await handle.fetch_history()
        events += len(history.events)
        size += sum(event.ByteSize() for event in history.events)
        last = history.events[-1]
        first = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return events, size
