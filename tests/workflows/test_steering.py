"""A running batch can be cancelled, paused and resumed, and its concurrency changed."""

from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
)

from docmill.batches import close
from docmill.contracts.batches import BatchSpec
from docmill.errors import ConflictError, UsageError
from docmill.objects.results import RESULT_FILE, result_key
from docmill.records.batches import Batches
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_command, write_texts


async def test_paused_batch_starts_nothing_until_resumed(mill: Mill, tmp_path: Path) -> None:
    batch = await mill.start(write_texts(tmp_path / "in", 6))
    await mill.service.pause(batch)
    async with mill.worker():
        await mill.until_progress(batch, lambda now: now.state == "paused")
        await until(lambda: _is_paused(mill, batch))
        assert set((await mill.outcomes(batch)).values()) <= {"pending"}
        await mill.service.resume(batch)
        result = await mill.client.result(batch.id)
    assert result.tally.completed == 6
    assert not (await mill.row(batch)).paused


async def _is_paused(mill: Mill, batch: Batch) -> bool:
    return (await mill.row(batch)).paused


async def test_pause_holds_across_a_worker_restart(small_mill: Mill, tmp_path: Path) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 3))
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
    async with small_mill.worker():
        progress = await small_mill.client.progress(batch.id)
        assert progress.state == "paused"
        assert progress.processed == 0
        await small_mill.service.resume(batch)
        await small_mill.client.result(batch.id)


async def test_resume_overrides_the_row_when_it_arrives_before_opening(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    async with small_mill.database.write() as session:
        await Batches(session).set_state(batch.id, paused=True)
    await small_mill.service.resume(batch)
    async with small_mill.worker():
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == 2
    assert not (await small_mill.row(batch)).paused


async def test_cancelled_batch_accounts_for_every_file(mill: Mill, tmp_path: Path) -> None:
    batch = await mill.start(write_texts(tmp_path / "in", 30), page_size=5)
    await mill.service.pause(batch)
    async with mill.worker():
        await mill.until_progress(batch, lambda now: now.state == "paused")
        await mill.service.cancel(batch, "wrong folder")
        result = await mill.client.result(batch.id)
    assert result.status == "CANCELLED"
    assert result.tally.cancelled == 30
    row = await mill.row(batch)
    assert (row.status, row.reason) == ("CANCELLED", "wrong folder")
    assert await mill.client.status(batch.id) == WorkflowExecutionStatus.COMPLETED
    with pytest.raises(ConflictError):
        await mill.service.cancel(batch)


async def test_finished_results_remain_when_the_batch_is_cancelled(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 40), page_size=4, concurrency=1)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.processed >= 3)
        await small_mill.service.cancel(batch)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed >= 3
    assert result.tally.completed + result.tally.cancelled == 40
    kept = [item for item in await small_mill.items(batch) if item.status == "completed"]
    for item in kept:
        assert await small_mill.store.size(result_key(item.object_prefix or "", RESULT_FILE))


async def test_batch_ends_cancelled_when_cancelled_before_opening(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 3))
    await small_mill.service.cancel(batch, "never mind")
    async with small_mill.worker():
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.cancelled) == ("CANCELLED", 3)


async def test_recorded_cancel_is_sent_again_when_it_never_reached_temporal(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 5))
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
        async with small_mill.database.write() as session:
            await Batches(session).set_state(batch.id, cancel_requested=True, reason="lost")
        await small_mill.service.reconciler.reconcile(await small_mill.row(batch))
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.reason) == ("CANCELLED", "lost")


async def test_cancel_from_the_temporal_ui_has_the_effect_of_the_signal(
    mill: Mill, tmp_path: Path
) -> None:
    batch = await mill.start(write_texts(tmp_path / "in", 10))
    await mill.service.pause(batch)
    async with mill.worker():
        await mill.until_progress(batch, lambda now: now.state == "paused")
        await mill.temporal.get_workflow_handle(batch.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await mill.client.result(batch.id)
    row = await mill.row(batch)
    assert (row.status, row.reason) == ("CANCELLED", "cancelled through Temporal")
    assert set((await mill.outcomes(batch)).values()) == {"cancelled"}
    assert await mill.client.status(batch.id) == WorkflowExecutionStatus.CANCELED


async def test_cancel_from_the_temporal_ui_accounts_for_files_of_a_late_page(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelling = close._cancel_rest
    calls = 0

    async def miss_the_first_time(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:  # the first time, a page that is on its way has not written its items
            await cancelling(*arguments)

    monkeypatch.setattr(close, "_cancel_rest", miss_the_first_time)
    batch = await small_mill.start(write_texts(tmp_path / "in", 4))
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
        await small_mill.temporal.get_workflow_handle(batch.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await small_mill.client.result(batch.id)
    assert calls == 2
    assert (await small_mill.row(batch)).status == "CANCELLED"
    assert set((await small_mill.outcomes(batch)).values()) == {"cancelled"}


async def test_row_of_a_terminated_batch_is_corrected_when_it_is_read(
    mill: Mill, tmp_path: Path
) -> None:
    batch = await mill.start(write_texts(tmp_path / "in", 10))
    await mill.temporal.get_workflow_handle(batch.id).terminate("enough")
    row = await mill.service.reconciler.reconcile(await mill.row(batch))
    assert (row.status, row.reason) == ("CANCELLED", "terminated through Temporal")
    assert set((await mill.outcomes(batch)).values()) == {"cancelled"}


async def test_batch_is_started_on_read_when_its_start_was_lost(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    await small_mill.service.reconciler.reconcile(batch)
    async with small_mill.worker():
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == 3


async def test_concurrency_of_a_running_batch_can_be_changed(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 5), concurrency=1)
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
        assert await small_mill.service.set_concurrency(batch, 4) == 4
        assert (await small_mill.client.progress(batch.id)).concurrency == 4
        assert (await small_mill.row(batch)).concurrency == 4
        for wrong in (0, 257):
            with pytest.raises(UsageError, match="1 to 256"):
                await small_mill.service.set_concurrency(batch, wrong)
        await small_mill.service.resume(batch)
        await small_mill.client.result(batch.id)


async def test_operators_can_filter_batches_and_read_their_state(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document")
    async with small_mill.worker():
        batch = await small_mill.run(folder)
    handle = small_mill.temporal.get_workflow_handle(batch.id)
    description = await handle.describe()
    assert await description.memo_value("total") == 4
    found = {
        key: values[0]
        for key, values in description.search_attributes.items()
        if key.startswith("Docmill")
    }
    assert found == {
        "DocmillProject": batch.project_id,
        "DocmillDirectory": batch.directory_id,
        "DocmillJobType": "parse",
        "DocmillStatus": "COMPLETED",
        "DocmillProcessed": 3,
        "DocmillFailed": 1,
        "DocmillTotal": 4,
    }


@pytest.mark.parametrize("way", ["signal", "Temporal"])
async def test_cancel_ends_items_that_wait_for_a_retry(
    small_mill: Mill, tmp_path: Path, way: str
) -> None:
    folder = tmp_path / "in"
    for name in ("one.txt", "two.txt"):
        write_command(folder, name, do="fail", failure_class="storage_error")

    async def tried_twice() -> bool:
        return all(item.attempts >= 2 for item in await small_mill.items(batch))

    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder)
        await until(tried_twice)
        if way == "signal":
            await small_mill.service.cancel(batch, "enough")
            await small_mill.client.result(batch.id)
        else:
            handle = small_mill.temporal.get_workflow_handle(batch.id)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
    assert (await small_mill.row(batch)).status == "CANCELLED"
    assert set((await small_mill.outcomes(batch)).values()) == {"cancelled"}
