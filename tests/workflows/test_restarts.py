"""A batch survives the kill of its worker and repeats no finished item."""

import asyncio
import json
import signal
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from docmill.batches.close import close_batch
from docmill.contracts.batches import BatchSpec, CloseRequest
from docmill.contracts.words import BatchStatus
from docmill.objects.results import RESULT_FILE, result_key
from docmill.objects.staging import PREFIX
from docmill.processing.results import prefix_of
from docmill.records.ledger import ClaimedItem
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_command, write_texts
from tests.fixtures.worker_process import worker_process
from tests.records.making import claim, page


async def _done(mill: Mill, batch: Batch, count: int) -> bool:
    statuses = Counter(item.status for item in await mill.items(batch))
    return statuses["completed"] >= count


async def test_killed_worker_loses_and_duplicates_no_item(mill: Mill, tmp_path: Path) -> None:
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
        assert await mill.store.size(result_key(item.object_prefix or "", RESULT_FILE))


async def test_unrecorded_objects_of_a_lost_attempt_are_removed(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 1)
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    await page(small_mill.database, batch)
    lost = await claim(small_mill.database, batch, 1)
    unnamed = await _store_unnamed(small_mill, lost)
    async with small_mill.faulty_worker():
        await small_mill.service.start(batch)
        await small_mill.client.result(batch.id)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.attempts) == ("completed", 2)
    assert await small_mill.store.size(result_key(item.object_prefix or "", RESULT_FILE))
    assert await _left(small_mill, unnamed) == []


async def _store_unnamed(mill: Mill, item: ClaimedItem) -> list[str]:
    """Store what an attempt leaves that dies before it records its result; return the keys."""
    names = ("document.md", "page_1.png")
    result = json.dumps({"files": dict.fromkeys(names, "")}).encode()
    keys = [result_key(prefix_of(item), name) for name in (RESULT_FILE, *names)]
    for key in keys:
        await mill.store.put_bytes(key, result)
    return keys


async def _left(mill: Mill, keys: list[str]) -> list[str]:
    return [key for key in keys if await mill.store.size(key) is not None]


async def test_objects_of_a_lost_attempt_are_removed_when_its_batch_is_cancelled(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 1)
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    await page(small_mill.database, batch)
    unnamed = await _store_unnamed(small_mill, await claim(small_mill.database, batch, 1))
    cancelled = CloseRequest(batch_id=batch.id, epoch=batch.epoch, ending=BatchStatus.CANCELLED)
    scratch = small_mill.settings.scratch
    result = await close_batch(small_mill.database, small_mill.store, scratch, cancelled)
    assert result.tally.cancelled == 1
    assert await _left(small_mill, unnamed) == []


async def test_next_worker_ends_processes_of_a_killed_worker(
    small_mill: Mill,
) -> None:
    abandoned = small_mill.settings.scratch / "engines" / f"{PREFIX}dead"
    engine = abandoned / "engine"
    engine.mkdir(parents=True)
    escaped = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(600)", env={"TMPDIR": str(engine)}
    )
    async with small_mill.faulty_worker():
        assert await escaped.wait() == -signal.SIGKILL
        assert not abandoned.exists()


async def test_finished_items_are_not_processed_again(small_mill: Mill, tmp_path: Path) -> None:
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
