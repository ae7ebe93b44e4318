"""The number of running batches of a project is limited; further ones wait in order of arrival."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, settings_for, until, write_texts


@pytest.fixture
async def narrow_mill(
    temporal: Client, migrated_sqlite_url: str, tmp_path: Path
) -> AsyncIterator[Mill]:
    """A Docmill in which a project runs one batch at a time."""
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    settings = settings_for(tmp_path, migrated_sqlite_url, max_running_batches=1)
    yield Mill(temporal, database, settings)
    await database.close()


async def _held(mill: Mill, folder: Path) -> Batch:
    """A batch that runs until it is resumed."""
    batch = await mill.start(write_texts(folder, 2))
    await mill.service.pause(batch)
    await _until_status(mill, batch, "RUNNING")
    return batch


async def _until_status(mill: Mill, batch: Batch, status: str) -> None:
    async def is_it() -> bool:
        return (await mill.row(batch)).status == status

    await until(is_it)


async def _waiting(mill: Mill, folder: Path) -> Batch:
    batch = await mill.start(write_texts(folder, 2))
    await _until_status(mill, batch, "THROTTLED")
    return batch


async def test_batches_over_the_limit_wait_and_run_in_order_of_arrival(
    narrow_mill: Mill, tmp_path: Path
) -> None:
    async with narrow_mill.worker():
        first = await _held(narrow_mill, tmp_path / "1")
        second = await _waiting(narrow_mill, tmp_path / "2")
        third = await _waiting(narrow_mill, tmp_path / "3")
        progress = await narrow_mill.client.progress(third.id)
        assert (progress.state, progress.processed) == ("throttled", 0)
        await narrow_mill.service.resume(first)
        for batch in (first, second, third):
            assert (await narrow_mill.client.result(batch.id)).tally.completed == 2
    rows = [await narrow_mill.row(batch) for batch in (first, second, third)]
    starts = [row.started_at for row in rows if row.started_at]
    ends = [row.ended_at for row in rows if row.ended_at]
    assert starts[1] >= ends[0]
    assert starts[2] >= ends[1]


async def test_waiting_batch_can_be_cancelled_paused_and_changed(
    narrow_mill: Mill, tmp_path: Path
) -> None:
    async with narrow_mill.worker():
        first = await _held(narrow_mill, tmp_path / "1")
        second = await _waiting(narrow_mill, tmp_path / "2")
        third = await _waiting(narrow_mill, tmp_path / "3")
        await narrow_mill.service.cancel(second, "not needed")
        result = await narrow_mill.client.result(second.id)
        assert (result.status, result.tally.cancelled) == ("CANCELLED", 2)
        assert await narrow_mill.service.set_concurrency(third, 3) == 3
        await narrow_mill.service.pause(third)
        await narrow_mill.service.cancel(first)
        await narrow_mill.until_progress(third, lambda now: now.state == "paused")
        await narrow_mill.service.resume(third)
        assert (await narrow_mill.client.result(third.id)).tally.completed == 2


async def test_waiting_batches_free_the_place_of_a_terminated_one(
    narrow_mill: Mill, tmp_path: Path
) -> None:
    async with narrow_mill.worker():
        first = await _held(narrow_mill, tmp_path / "1")
        second = await _waiting(narrow_mill, tmp_path / "2")
        third = await _waiting(narrow_mill, tmp_path / "3")
        for batch in (first, second):
            await narrow_mill.temporal.get_workflow_handle(batch.id).terminate("gone")
        assert (await narrow_mill.client.result(third.id)).tally.completed == 2
    assert (await narrow_mill.row(first)).reason == "terminated through Temporal"
    assert (await narrow_mill.row(second)).status == "CANCELLED"


async def test_waiting_batch_writes_no_history(narrow_mill: Mill, tmp_path: Path) -> None:
    async with narrow_mill.worker():
        first = await _held(narrow_mill, tmp_path / "1")
        second = await _waiting(narrow_mill, tmp_path / "2")
        handle = narrow_mill.temporal.get_workflow_handle(second.id)

        async def tried_three_times() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(one.attempt >= 3 for one in pending)

        await until(tried_three_times)
        events = (await handle.describe()).history_length
        assert events < 20
        pending = (await handle.describe()).raw_description.pending_activities
        assert "this batch is next" in pending[0].last_failure.message
        await narrow_mill.service.resume(first)
        await narrow_mill.client.result(second.id)


async def test_waiting_batch_keeps_its_place_across_a_worker_restart(
    narrow_mill: Mill, tmp_path: Path
) -> None:
    async with narrow_mill.worker():
        first = await _held(narrow_mill, tmp_path / "1")
        second = await _waiting(narrow_mill, tmp_path / "2")
    async with narrow_mill.worker():
        assert (await narrow_mill.row(second)).status == "THROTTLED"
        await narrow_mill.service.resume(first)
        assert (await narrow_mill.client.result(second.id)).tally.completed == 2


async def test_batch_does_not_wait_when_there_is_no_limit(
    temporal: Client, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    settings = settings_for(tmp_path, migrated_sqlite_url, max_running_batches=0)
    mill = Mill(temporal, database, settings)
    async with mill.worker():
        held = [await _held(mill, tmp_path / str(number)) for number in range(3)]
        for batch in held:
            await mill.service.cancel(batch)
            await mill.client.result(batch.id)
    await database.close()
