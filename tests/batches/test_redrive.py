"""A redrive of an ended batch runs only the items that did not complete."""

from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from docmill.batches.close import close_batch
from docmill.contracts.batches import CloseRequest, RedriveRequest
from docmill.contracts.words import BatchStatus
from docmill.errors import ConflictError, UsageError
from docmill.records.batches import Batches
from docmill.records.redrives import RedriveHistory
from docmill.records.tables.attempts import PastOutcome
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, write_command

EVERYTHING = RedriveRequest()


def write_mixed(folder: Path, runs: Path) -> Path:
    """Two good files, and three that fail until told otherwise; each run leaves a line."""
    for name in ("a.txt", "b.txt"):
        write_command(folder, name, do="parse", record=str(runs))
    for name, failure in (("c.txt", "corrupt"), ("d.txt", "encrypted"), ("e.txt", "corrupt")):
        counter = str(folder.parent / f"count-{name}")
        write_command(
            folder,
            name,
            do="flake",
            failure_class=failure,
            times=1,
            counter=counter,
            record=str(runs),
        )
    return folder


def runs_of(path: Path) -> Counter[str]:
    """How often the engine ran, by file."""
    return Counter(path.read_text().split())


async def history_of(mill: Mill, batch: Batch, path: str) -> list[PastOutcome]:
    """The earlier outcomes of one file."""
    item = next(item for item in await mill.items(batch) if item.path == path)
    async with mill.database.read() as session:
        return list(await RedriveHistory(session).outcomes(batch.id, item.item_id))


async def redrive(mill: Mill, batch: Batch, request: RedriveRequest = EVERYTHING) -> Batch:
    """Run a batch again to its end."""
    begun = await mill.service.redrive(await mill.row(batch), request)
    await mill.service.start(begun)
    await mill.client.result(batch.id)
    return await mill.row(batch)


async def test_redrive_runs_only_failed_items(mill: Mill, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folder = write_mixed(tmp_path / "in", runs)
    async with mill.faulty_worker():
        batch = await mill.run(folder)
        first = {item.path: item.result_id for item in await mill.items(batch)}
        again = await redrive(mill, batch)
        progress = await mill.client.progress(batch.id)
    assert (again.status, again.epoch, again.settled_before) == ("COMPLETED", 2, 2)
    assert set((await mill.outcomes(batch)).values()) == {"completed"}
    assert runs_of(runs) == {"a.txt": 1, "b.txt": 1, "c.txt": 2, "d.txt": 2, "e.txt": 2}
    second = {item.path: item.result_id for item in await mill.items(batch)}
    assert all(second[path] == result for path, result in first.items() if result)
    assert (progress.processed, progress.failed) == (5, 0)
    async with mill.database.read() as session:
        assert (await Batches(session).counts([batch.id]))[batch.id].model_dump() == {
            "completed": 5,
            "failed": 0,
            "skipped": 0,
            "cancelled": 0,
        }


async def test_redrive_keeps_the_history_and_the_earlier_manifest(
    mill: Mill, tmp_path: Path
) -> None:
    async with mill.faulty_worker():
        batch = await mill.run(write_mixed(tmp_path / "in", tmp_path / "runs"))
        again = await redrive(mill, batch)
    past = await history_of(mill, batch, "d.txt")
    assert [(one.epoch, one.status, one.failure_class) for one in past] == [
        (1, "failed", "encrypted")
    ]
    async with mill.database.read() as session:
        (attempt,) = await RedriveHistory(session).attempts(batch.id)
    assert (attempt.epoch, attempt.status, attempt.tally["failed"]) == (1, "COMPLETED", 3)
    assert attempt.manifest_key == batch.manifest_key
    assert again.manifest_key is not None
    assert again.manifest_key != batch.manifest_key
    manifest = (await mill.store.get_bytes(again.manifest_key)).decode()
    assert manifest.count('"outcome":"completed"') == again.total == 5


async def test_redrive_of_one_failure_class_skips_the_others(
    small_mill: Mill, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    async with small_mill.faulty_worker():
        batch = await small_mill.run(write_mixed(tmp_path / "in", runs))
        await redrive(small_mill, batch, RedriveRequest(only="encrypted"))
        assert runs_of(runs) == {"a.txt": 1, "b.txt": 1, "c.txt": 1, "d.txt": 2, "e.txt": 1}
        assert Counter((await small_mill.outcomes(batch)).values()) == {"completed": 3, "failed": 2}
        with pytest.raises(ConflictError, match="left to run"):
            await redrive(small_mill, batch, RedriveRequest(only="encrypted"))
        with pytest.raises(UsageError, match="no failure class"):
            await redrive(small_mill, batch, RedriveRequest(only="tired"))
        third = await redrive(small_mill, batch)
    assert (third.epoch, third.status) == (3, "COMPLETED")
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    with pytest.raises(ConflictError, match="left to run"):
        await redrive(small_mill, batch)


async def test_redrive_with_other_parameters_does_not_change_finished_results(
    small_mill: Mill, tmp_path: Path
) -> None:
    async with small_mill.faulty_worker():
        batch = await small_mill.run(write_mixed(tmp_path / "in", tmp_path / "runs"))
        before = {item.path: item.result_sha256 for item in await small_mill.items(batch)}
        request = RedriveRequest(parameters={"tier": "fast"})
        again = await redrive(small_mill, batch, request)
    assert again.parameters["tier"] == "fast"
    assert again.parameters_hash != batch.parameters_hash
    after = {item.path: item.result_sha256 for item in await small_mill.items(batch)}
    assert after["a.txt"] == before["a.txt"]
    assert all(after.values())
    async with small_mill.database.read() as session:
        (attempt,) = await RedriveHistory(session).attempts(batch.id)
    assert attempt.parameters == batch.parameters


async def test_cancelled_batch_is_finished_by_a_redrive(small_mill: Mill, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    batch = await small_mill.start(write_mixed(tmp_path / "in", runs), page_size=2)
    await small_mill.service.pause(batch)
    await small_mill.service.cancel(batch, "too early")
    async with small_mill.faulty_worker():
        await small_mill.client.result(batch.id)
        again = await redrive(small_mill, batch)
        assert (again.status, again.reason, again.cancel_requested) == ("COMPLETED", None, False)
        assert runs_of(runs)["a.txt"] == 1
        assert [past.status for past in await history_of(small_mill, batch, "a.txt")] == [
            "cancelled"
        ]


async def test_running_batch_is_not_redriven(small_mill: Mill, tmp_path: Path) -> None:
    batch = await small_mill.start(write_mixed(tmp_path / "in", tmp_path / "runs"))
    with pytest.raises(ConflictError, match="not ended"):
        await small_mill.service.redrive(batch, EVERYTHING)
    with pytest.raises(ConflictError, match="not ended"):
        await small_mill.client.redrive(batch.id)


async def test_redrive_whose_start_was_lost_is_started_when_it_is_read(
    small_mill: Mill, tmp_path: Path
) -> None:
    """Also when Temporal remembers that the attempt before was terminated."""
    batch = await small_mill.start(write_mixed(tmp_path / "in", tmp_path / "runs"))
    await small_mill.temporal.get_workflow_handle(batch.id).terminate("enough")
    ended = await small_mill.service.reconciler.reconcile(await small_mill.row(batch))
    assert ended.status == "CANCELLED"
    begun = await small_mill.service.redrive(ended, EVERYTHING)
    assert (await small_mill.service.reconciler.reconcile(begun)).status == "PENDING"
    async with small_mill.faulty_worker():
        result = await small_mill.client.result(batch.id)
    assert (result.status, result.tally.accounted) == ("COMPLETED", 5)


async def test_batch_past_temporal_retention_can_be_redriven(
    small_mill: Mill, time_skipping_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    """Another server knows as little of it as one whose retention is over."""
    elsewhere = Mill(time_skipping_server.client, small_mill.database, small_mill.settings)
    async with elsewhere.faulty_worker():
        batch = await elsewhere.run(write_mixed(tmp_path / "in", tmp_path / "runs"))
    assert await small_mill.client.latest(batch.id) is None
    async with small_mill.faulty_worker():
        again = await redrive(small_mill, batch)
    assert (again.status, again.epoch) == ("COMPLETED", 2)
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}


async def test_late_close_of_an_earlier_execution_changes_nothing(
    small_mill: Mill, tmp_path: Path
) -> None:
    async with small_mill.faulty_worker():
        batch = await small_mill.run(write_mixed(tmp_path / "in", tmp_path / "runs"))
    begun = await small_mill.service.redrive(batch, EVERYTHING)
    late = CloseRequest(batch_id=batch.id, epoch=1, ending=BatchStatus.CANCELLED)
    scratch = small_mill.settings.scratch
    await close_batch(small_mill.database, small_mill.store, scratch, late)
    assert (await small_mill.row(batch)).status == begun.status == "PENDING"


async def test_plain_temporal_client_redrives_a_batch(small_mill: Mill, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with small_mill.faulty_worker():
        batch = await small_mill.run(write_mixed(tmp_path / "in", runs))
        await small_mill.client.redrive(batch.id, RedriveRequest(only="corrupt"))
        result = await small_mill.client.result(batch.id)
        assert (result.tally.completed, result.tally.failed) == (4, 1)
        assert runs_of(runs)["d.txt"] == 1
        await small_mill.client.redrive(batch.id, RedriveRequest(only="corrupt"))
        with pytest.raises(WorkflowFailureError) as nothing:
            await small_mill.client.result(batch.id)
    assert "left to run" in str(nothing.value.cause)
    row = await small_mill.row(batch)
    assert (row.status, row.epoch) == ("COMPLETED", 2)
