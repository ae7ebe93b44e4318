"""A batch with a failure threshold stops early when too many of its files fail."""

from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from docmill.contracts.batches import OpenedBatch, RedriveRequest
from docmill.contracts.names import FAILURE_SAMPLE
from docmill.contracts.words import JobType, Outcome, Tally
from docmill.records.tables.base import now
from tests.fixtures.mill import Mill, write_command, write_texts
from workflows.errors import exceeded_threshold


def write_failing(folder: Path, count: int) -> Path:
    """Files that fail once, and complete when they are run again."""
    for number in range(count):
        write_command(
            folder,
            f"{number:03}.txt",
            do="flake",
            failure_class="corrupt",
            times=1,
            counter=str(folder.parent / f"count-{number}"),
        )
    return folder


async def test_batch_ends_with_an_outcome_for_every_file_when_too_many_fail(
    mill: Mill, tmp_path: Path
) -> None:
    batch = await mill.start(write_failing(tmp_path / "in", 30), max_failures=2, concurrency=2)
    async with mill.faulty_worker():
        with pytest.raises(WorkflowFailureError) as ended:
            await mill.client.result(batch.id)
        assert "more than 2 files failed" in str(ended.value.cause)
        row = await mill.row(batch)
        assert (row.status, row.reason) == ("FAILED", "more than 2 files failed")
        outcomes = Counter(item.status for item in await mill.items(batch))
        assert outcomes.total() == 30
        assert 3 <= outcomes["failed"] <= 4, "those in flight end, no others start"
        assert outcomes["failed"] + outcomes["cancelled"] == 30
        told = {it.failure_message for it in await mill.items(batch) if it.status == "cancelled"}
        assert told == {"The batch ended before this file was done: more than 2 files failed."}
        assert row.manifest_key is not None
        assert await mill.client.status(batch.id) == WorkflowExecutionStatus.FAILED

        again = await mill.service.redrive(row, RedriveRequest())
        assert (await mill.service.reconciler.reconcile(again)).status == "PENDING", (
            "its failure is of the past"
        )
        with pytest.raises(WorkflowFailureError):
            await mill.client.result(batch.id)  # 26 more fail once: too many again
    row = await mill.row(batch)
    assert (row.status, row.epoch) == ("FAILED", 2)


async def test_batch_stopped_by_its_threshold_can_be_redriven(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_failing(tmp_path / "in", 3)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder, max_failures=2)
        with pytest.raises(WorkflowFailureError):
            await small_mill.client.result(batch.id)
        begun = await small_mill.service.redrive(await small_mill.row(batch), RedriveRequest())
        await small_mill.service.start(begun)
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.completed) == ("COMPLETED", 3)


async def test_threshold_changes_nothing_when_it_is_not_exceeded(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(write_failing(tmp_path / "in", 2), 3)
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder, max_failures=2, max_failure_rate=0.1)
    assert batch.status == "COMPLETED"


def _opened(**fields: object) -> OpenedBatch:
    return OpenedBatch.model_validate(
        {
            "project_id": "prj-1",
            "directory_id": None,
            "job_type": JobType.PARSE,
            "total": 100,
            "page_size": 10,
            "continue_as_new_threshold": 10,
            "concurrency": 1,
            "epoch": 1,
            "item_timeout_seconds": 1,
            "started_at": now(),
        }
        | fields
    )


def test_failure_rate_is_checked_only_after_enough_files() -> None:
    opened = _opened(max_failure_rate=0.5)
    assert exceeded_threshold(opened, Tally(failed=FAILURE_SAMPLE - 1)) is None
    assert exceeded_threshold(opened, Tally(failed=FAILURE_SAMPLE)) is not None
    assert exceeded_threshold(opened, Tally(failed=10, completed=10)) is None, (
        "more than, not as many as"
    )
    assert exceeded_threshold(opened, Tally(failed=11, completed=9)) is not None
    assert exceeded_threshold(opened, Tally(failed=11, completed=9, skipped=90)) is not None


def test_earlier_failures_do_not_count_toward_the_threshold_of_a_redrive() -> None:
    left = Tally(completed=50, failed=30)
    opened = _opened(epoch=2, settled=left, max_failures=0, max_failure_rate=0.1)
    assert exceeded_threshold(opened, left) is None
    assert exceeded_threshold(opened, left.plus(Outcome.COMPLETED, 20)) is None
    assert (
        exceeded_threshold(opened, left.model_copy(update={"failed": 31}))
        == "more than 0 files failed"
    )
