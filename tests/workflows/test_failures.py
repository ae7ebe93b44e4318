"""A bad file fails alone and with a reason."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from docmill.contracts.batches import BatchSpec
from tests.fixtures.mill import Mill, write_texts


async def test_failed_file_does_not_fail_the_batch(mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 3)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document")
    (folder / "empty.txt").write_bytes(b"")
    async with mill.worker():
        batch = await mill.run(folder)
        failures = await mill.client.failures(batch.id)
    assert batch.status == "COMPLETED"
    by_path = {item.path: item for item in await mill.items(batch)}
    assert by_path["broken.pdf"].failure_class == "corrupt"
    assert by_path["empty.txt"].failure_class == "empty"
    assert by_path["note-0002.txt"].status == "completed"
    assert {(failed.name, failed.failure_class) for failed in failures} == {
        ("broken.pdf", "corrupt"),
        ("empty.txt", "empty"),
    }


async def test_failed_item_is_a_failed_activity_with_its_reason(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 0)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document")
    async with small_mill.worker():
        batch = await small_mill.run(folder)
    handle = small_mill.temporal.get_workflow_handle(batch.id)
    events = [event async for event in handle.fetch_history_events()]
    (failed,) = [
        event for event in events if event.HasField("activity_task_failed_event_attributes")
    ]
    failure = failed.activity_task_failed_event_attributes.failure
    assert failure.application_failure_info.type == "corrupt"
    assert failure.application_failure_info.non_retryable


async def test_file_that_vanishes_after_listing_has_its_own_outcome(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    batch = await small_mill.start(folder)
    (folder / "note-0001.txt").unlink()
    (folder / "note-0002.txt").write_text("changed after it was listed")
    async with small_mill.worker():
        await small_mill.client.result(batch.id)
    classes = [item.failure_class for item in await small_mill.items(batch)]
    assert classes == [None, "source_vanished", "source_changed"]


async def test_file_over_the_size_limit_is_skipped_with_its_reason(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 1)
    (folder / "big.txt").write_bytes(b"x" * (2 * 1024 * 1024))
    small_mill.settings = small_mill.settings.model_copy(update={"max_file_mb": 1})
    async with small_mill.worker():
        batch = await small_mill.run(folder)
    reasons = {item.path: item.skip_reason for item in await small_mill.items(batch)}
    assert reasons == {"big.txt": "size_limit_exceeded", "note-0000.txt": None}


async def test_batch_that_cannot_be_opened_fails_with_a_hint(
    small_mill: Mill, tmp_path: Path
) -> None:
    async with small_mill.worker():
        spec = BatchSpec(folder=str(tmp_path / "nowhere"))
        await small_mill.client.start("bat-no-such-folder", spec)
        with pytest.raises(WorkflowFailureError) as raised:
            await small_mill.client.result("bat-no-such-folder")
    assert isinstance(raised.value.cause, ApplicationError)
    assert raised.value.cause.type == "UsageError"
    assert "nowhere" in raised.value.cause.message
