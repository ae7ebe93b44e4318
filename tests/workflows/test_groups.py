"""Small files share an activity, and each has a separate outcome."""

import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from activities import groups
from docmill.contracts.names import PROCESS_GROUP, PROCESS_ITEM, UNGROUPED_BATCH
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_command, write_texts
from tests.fixtures.worker_process import faulty_worker_process


async def activities_of(mill: Mill, batch: Batch) -> Counter[str]:
    """How many activities of each type the workflow has scheduled in its last run."""
    history = await mill.temporal.get_workflow_handle(batch.id).fetch_history()
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    return Counter(
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == scheduled
    )


async def failed_activities(mill: Mill, batch: Batch) -> list[str]:
    """The failure classes of the activities that Temporal shows as failed."""
    history = await mill.temporal.get_workflow_handle(batch.id).fetch_history()
    return sorted(
        event.activity_task_failed_event_attributes.failure.application_failure_info.type
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED
    )


async def test_small_files_of_a_large_batch_share_activities(
    small_mill: Mill, tmp_path: Path
) -> None:
    files = UNGROUPED_BATCH + 10
    folder = write_texts(tmp_path / "in", files)
    async with small_mill.worker():
        batch = await small_mill.run(folder)
    assert (batch.page_size, batch.status) == (1_000, "COMPLETED")
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    scheduled = await activities_of(small_mill, batch)
    assert PROCESS_ITEM not in scheduled
    assert 1 < scheduled[PROCESS_GROUP] < files / 4


@pytest.mark.parametrize("spec", [{}, {"items_per_activity": 1}], ids=["small batch", "asked"])
async def test_each_file_has_a_separate_activity(
    small_mill: Mill, tmp_path: Path, spec: dict[str, Any]
) -> None:
    folder = write_texts(tmp_path / "in", 6)
    async with small_mill.worker():
        batch = await small_mill.run(folder, **spec)
    scheduled = await activities_of(small_mill, batch)
    assert (scheduled[PROCESS_ITEM], scheduled[PROCESS_GROUP]) == (6, 0)


async def test_large_files_and_images_are_not_grouped(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 4)
    (folder / "large.txt").write_text("A line of a large file.\n" * 200_000)
    (folder / "scan.png").write_bytes(b"no picture at all")
    async with small_mill.worker():
        batch = await small_mill.run(folder, items_per_activity=16)
    scheduled = await activities_of(small_mill, batch)
    assert (scheduled[PROCESS_ITEM], scheduled[PROCESS_GROUP]) == (2, 1)


async def test_item_that_fails_in_a_group_gets_a_separate_activity(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "LONGEST_FILE", 3)
    monkeypatch.setattr(groups, "BEGIN_WITHIN", 60)
    folder = write_texts(tmp_path / "in", 4)
    write_command(folder, "corrupt.txt", do="fail", failure_class="corrupt")
    write_command(folder, "crash.txt", do="segfault")
    write_command(folder, "slow.txt", do="sleep", seconds=4)
    counter = str(tmp_path / "flakes")
    write_command(
        folder, "flaky.txt", do="flake", failure_class="engine_error", times=1, counter=counter
    )
    (folder / "empty.txt").touch()
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder, items_per_activity=16)
    items = {item.path: item for item in await small_mill.items(batch)}
    assert {path: item.failure_class or item.status for path, item in items.items()} == {
        **{f"note-{number:04}.txt": "completed" for number in range(4)},
        "corrupt.txt": "corrupt",
        "crash.txt": "crashed",
        "slow.txt": "completed",
        "flaky.txt": "completed",
        "empty.txt": "empty",
    }
    scheduled = await activities_of(small_mill, batch)
    assert (scheduled[PROCESS_ITEM], scheduled[PROCESS_GROUP]) == (5, 1)
    assert await failed_activities(small_mill, batch) == ["corrupt", "crashed", "empty"]


async def test_same_bytes_in_a_group_are_processed_once(small_mill: Mill, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    folder = tmp_path / "in"
    for number in range(5):
        write_command(folder, f"{number}.txt", do="parse", record=str(runs))
    for path in folder.iterdir():  # the command names the file: make the bytes the same
        path.write_text((folder / "0.txt").read_text())
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder, items_per_activity=16)
    items = await small_mill.items(batch)
    assert Counter(item.status for item in items) == {"completed": 1, "skipped": 4}
    assert len({item.result_id for item in items}) == 1
    assert len(runs.read_text().splitlines()) == 1
    assert (await activities_of(small_mill, batch))[PROCESS_GROUP] == 1


async def test_group_reuses_stored_results(small_mill: Mill, tmp_path: Path) -> None:
    async with small_mill.worker():
        await small_mill.run(write_texts(tmp_path / "in", 5), items_per_activity=16)
        copies = tmp_path / "copies" / "in"  # the same names and bytes, never listed before
        batch = await small_mill.run(write_texts(copies, 7), items_per_activity=16)
    outcomes = Counter((await small_mill.outcomes(batch)).values())
    assert outcomes == {"skipped": 5, "completed": 2}


def write_gated(folder: Path, files: int) -> Path:
    """Files whose engine waits for a gate named like the file, and notes its run in ``runs``."""
    runs = folder.parent / "runs"
    for number in range(files):
        gate = folder.parent / f"gate-{number}"
        write_command(folder, f"{number:02}.txt", do="wait", file=str(gate), record=str(runs))
    return folder


def open_gates(folder: Path, numbers: Iterable[int] = range(40)) -> None:
    for number in numbers:
        (folder.parent / f"gate-{number}").touch()


def runs_of(folder: Path) -> int:
    runs = folder.parent / "runs"
    return len(runs.read_text().splitlines()) if runs.exists() else 0


async def at_work(folder: Path) -> bool:
    return runs_of(folder) > 0


def let_groups_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a group and each of its files take as long as the test's gates stay shut."""
    monkeypatch.setattr(groups, "LONGEST_FILE", 60)
    monkeypatch.setattr(groups, "BEGIN_WITHIN", 60)


async def recorded(mill: Mill, batch: Batch) -> bool:
    """Whether a file of the batch has completed; then its group knows how it is steered."""
    return "completed" in (await mill.outcomes(batch)).values()


async def test_pause_ends_a_group_after_its_current_file(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_groups_last(monkeypatch)
    folder = write_gated(tmp_path / "in", 8)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder, items_per_activity=8)
        await until(lambda: at_work(folder))
        await small_mill.service.pause(batch)
        open_gates(folder, [0])
        await until(lambda: recorded(small_mill, batch))
        open_gates(folder)
        await small_mill.until_progress(batch, lambda now: now.in_flight == 0)
        done = Counter((await small_mill.outcomes(batch)).values())
        assert done["completed"] == runs_of(folder) <= 2
        assert done["completed"] + done["pending"] == 8

        await small_mill.service.resume(batch)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == 8 == runs_of(folder)


@pytest.mark.parametrize("drain", [False, True], ids=["at once", "draining"])
async def test_cancelled_batch_accounts_for_every_file_of_a_group(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drain: bool
) -> None:
    let_groups_last(monkeypatch)
    folder = write_gated(tmp_path / "in", 8)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder, items_per_activity=8)
        await until(lambda: at_work(folder))
        await small_mill.service.cancel(batch, "enough", drain=drain)
        if drain:
            open_gates(folder, [0])
            await until(lambda: recorded(small_mill, batch))
            open_gates(folder)
        result = await small_mill.client.result(batch.id)
    assert result.tally.accounted == 8
    assert result.tally.completed == (runs_of(folder) if drain else 0)
    assert runs_of(folder) <= 2


async def test_group_leaves_its_rest_to_another_group_when_its_time_is_up(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "BEGIN_WITHIN", 0)
    folder = write_texts(tmp_path / "in", 5)
    async with small_mill.worker():
        batch = await small_mill.start(folder, items_per_activity=8)

        async def planned_again() -> bool:
            return (await activities_of(small_mill, batch))[PROCESS_GROUP] > 1

        await until(planned_again)
        monkeypatch.undo()
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == 5


async def test_items_of_a_group_complete_when_its_worker_is_killed(
    mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    write_gated(tmp_path / "in", 3)
    batch = await mill.start(folder, items_per_activity=8)
    async with faulty_worker_process(mill) as process:
        await until(lambda: at_work(folder))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    open_gates(folder)
    async with mill.faulty_worker():
        result = await mill.client.result(batch.id)
    assert result.tally.completed == 6
    scheduled = await activities_of(mill, batch)
    assert scheduled[PROCESS_GROUP] == 1
    assert 1 <= scheduled[PROCESS_ITEM] <= 6, "what was in doubt ran by itself"


async def test_files_in_flight_never_exceed_the_concurrency_when_a_threshold_is_set(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_gated(tmp_path / "in", 40)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder, items_per_activity=16, concurrency=8, max_failures=3)
        await until(lambda: at_work(folder))
        progress = await small_mill.client.progress(batch.id)
        assert 0 < progress.in_flight <= 8
        open_gates(folder)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == 40


async def test_groups_continue_across_runs_and_pages(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 50)
    pace = {"page_size": 12, "continue_as_new_threshold": 20, "items_per_activity": 5}
    async with small_mill.worker():
        batch = await small_mill.run(folder, **pace)
        progress = await small_mill.client.progress(batch.id)
    assert progress.runs > 2
    assert (progress.processed, progress.total) == (50, 50)
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
