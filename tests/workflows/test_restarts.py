"""A batch survives kill -9 of its worker, and is not slowed by an outage longer than it was."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path

from docmill.records.tables import Batch
from tests.fixtures.mill import Mill, until, write_command, write_texts
from tests.fixtures.worker_process import worker_process


async def _done(mill: Mill, batch: Batch, count: int) -> bool:
    statuses = Counter(item.status for item in await mill.items(batch))
    return statuses["completed"] >= count


async def test_a_worker_killed_mid_batch_loses_and_doubles_nothing(
    mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 60)
    batch = await mill.start(folder, page_size=10, concurrency=4)
    for goal in (5, 25):
        async with worker_process(mill) as process:
            await until(partial(_done, mill, batch, goal))
            process.send_signal(signal.SIGKILL)
            await process.wait()
    async with worker_process(mill):
        result = await mill.client.result(batch.id)
    assert result.tally.completed == 60
    items = await mill.items(batch)
    assert all(item.attempts <= 3 for item in items)
    for item in items:
        assert await mill.store.size(f"{item.object_prefix}/result.json")


async def test_finished_items_are_never_redone(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 3)
    counter = tmp_path / "runs"
    write_command(folder, "counted.txt", do="parse", record=str(counter))
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder, page_size=1)
        await until(lambda: _done(small_mill, batch, 1))
    await small_mill.temporal.get_workflow_handle(batch.id).terminate("history is lost")
    async with small_mill.database.write() as session:
        row = await session.get(Batch, batch.id)
        assert row is not None
        assert row.status in ("RUNNING", "COMPLETED")
    async with small_mill.faulty_worker():
        await small_mill.client.start(batch.id, again=True)
        await small_mill.client.result(batch.id)
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    assert counter.read_text().splitlines() == ["counted.txt"]
