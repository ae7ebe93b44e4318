"""A pause, a drain and a lower concurrency apply to tasks that are already in the task queue."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from docmill.contracts.names import PROCESS_ITEM
from docmill.records.batches import Batches
from docmill.records.tables.batches import Batch
from tests.fixtures.mill import Mill, until, write_command
from tests.fixtures.worker_process import faulty_worker_process

FILES = 8
"""More than the two slots of a test's worker: all are scheduled at once."""


def write_gated(folder: Path, files: int = FILES) -> Path:
    """Files whose engine notes its run in ``runs``, and waits for a gate named like the file."""
    folder.mkdir()
    for number in range(files):
        gate, runs = (
            folder.parent / f"{folder.name}-{number}",
            folder.parent / f"{folder.name}-runs",
        )
        write_command(folder, f"{number}.txt", do="wait", file=str(gate), record=str(runs))
    return folder


def open_gates(folder: Path, *numbers: int) -> None:
    for number in numbers or range(FILES):
        (folder.parent / f"{folder.name}-{number}").touch()


def runs_of(folder: Path) -> int:
    """How many times the engine was given a file."""
    runs = folder.parent / f"{folder.name}-runs"
    return len(runs.read_text().splitlines()) if runs.exists() else 0


def begun(folder: Path, count: int) -> Callable[[], Awaitable[bool]]:
    """Until the engine was given so many files."""

    async def reached() -> bool:
        return runs_of(folder) == count

    return reached


def states(mill: Mill, batch: Batch, status: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return list((await mill.outcomes(batch)).values()).count(status) == count

    return reached


async def at_work(mill: Mill, batch: Batch) -> list[int]:
    """The numbers of the files that an engine has in hand."""
    outcomes = await mill.outcomes(batch)
    return [int(Path(path).stem) for path, status in outcomes.items() if status == "processing"]


async def scheduled(mill: Mill, batch: Batch) -> int:
    """How many activities the workflow has scheduled for items."""
    history = await mill.temporal.get_workflow_handle(batch.id).fetch_history()
    attributes = [event.activity_task_scheduled_event_attributes for event in history.events]
    return sum(found.activity_type.name == PROCESS_ITEM for found in attributes)


@asynccontextmanager
async def two_at_work(mill: Mill, folder: Path, **spec: Any) -> AsyncIterator[Batch]:
    """A batch over ``folder`` whose engine was given two files: both slots are taken."""
    async with mill.faulty_worker():
        batch = await mill.start(folder, **spec)
        await until(begun(folder, 2))
        yield batch


async def test_pause_holds_for_files_scheduled_before_it(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_gated(tmp_path / "in")
    async with two_at_work(small_mill, folder) as batch:
        await small_mill.service.pause(batch)
        open_gates(folder)
        await small_mill.until_progress(batch, lambda now: now.in_flight == 0)

        assert (await small_mill.client.progress(batch.id)).state == "paused"
        assert sorted((await small_mill.outcomes(batch)).values()) == [
            *["completed"] * 2,
            *["pending"] * (FILES - 2),
        ]
        assert runs_of(folder) == 2
        assert await scheduled(small_mill, batch) == FILES, "what was left waits for the resume"

        await small_mill.service.resume(batch)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == FILES == runs_of(folder)
    assert await scheduled(small_mill, batch) == FILES + FILES - 2


async def test_pause_is_read_from_the_row_when_its_signal_was_lost(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_gated(tmp_path / "in")
    async with two_at_work(small_mill, folder) as batch:
        async with small_mill.database.write() as session:
            await Batches(session).set_state(batch.id, paused=True)
        open_gates(folder)
        await small_mill.until_progress(
            batch, lambda now: (now.state, now.in_flight) == ("paused", 0)
        )
        assert runs_of(folder) == 2
        await small_mill.service.resume(batch)
        assert (await small_mill.client.result(batch.id)).tally.completed == FILES


async def test_next_run_starts_items_left_by_a_full_history(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_gated(tmp_path / "in")
    short_runs = {"page_size": 6, "continue_as_new_threshold": 6}
    async with two_at_work(small_mill, folder, **short_runs) as batch:
        await small_mill.service.pause(batch)
        open_gates(folder)
        await small_mill.until_progress(batch, lambda now: (now.runs, now.in_flight) == (2, 0))
        assert sorted((await small_mill.outcomes(batch)).values()).count("pending") == FILES - 2
        await small_mill.service.resume(batch)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == FILES == runs_of(folder)


async def test_drained_cancel_starts_no_file_scheduled_before_it(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_gated(tmp_path / "in")
    async with two_at_work(small_mill, folder) as batch:
        await small_mill.service.cancel(batch, drain=True)
        open_gates(folder)
        result = await small_mill.client.result(batch.id)
    assert (result.tally.completed, result.tally.cancelled) == (2, FILES - 2)
    assert runs_of(folder) == 2


async def test_lower_concurrency_holds_for_files_scheduled_before_it(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_gated(tmp_path / "in")
    async with two_at_work(small_mill, folder) as batch:
        await small_mill.service.set_concurrency(batch, 1)
        first, second = await at_work(small_mill, batch)
        open_gates(folder, first)
        await small_mill.until_progress(batch, lambda now: now.in_flight == 1)
        assert runs_of(folder) == 2, "the other one is at work still"
        open_gates(folder, second)
        await until(begun(folder, 3))
        assert await states(small_mill, batch, "processing", 1)()
        await small_mill.service.set_concurrency(batch, 2)
        await until(states(small_mill, batch, "processing", 2))
        open_gates(folder)
        result = await small_mill.client.result(batch.id)
    assert result.tally.completed == FILES == runs_of(folder)


async def test_held_items_stay_held_when_the_worker_is_killed(
    small_mill: Mill, tmp_path: Path
) -> None:
    folders = [write_gated(tmp_path / name, 4) for name in ("paused", "drained", "slow")]
    async with faulty_worker_process(small_mill, DOCMILL_ENGINE_SLOTS="6") as worker:
        paused, drained, slow = [await small_mill.start(folder) for folder in folders]

        async def all_slots_at_work() -> bool:
            return sum(map(runs_of, folders)) == 6

        await until(all_slots_at_work)
        await small_mill.service.pause(paused)
        await small_mill.service.cancel(drained, drain=True)
        await small_mill.service.set_concurrency(slow, 1)
        before = [runs_of(folder) for folder in folders]
        worker.kill()
    async with small_mill.faulty_worker():
        await small_mill.until_progress(paused, lambda now: now.in_flight == 0)
        result = await small_mill.client.result(drained.id)
        assert (result.status, result.tally.cancelled) == ("CANCELLED", 4)
        await until(begun(folders[2], before[2] + 1))
        assert await states(small_mill, slow, "processing", 1)()
        assert [runs_of(folder) for folder in folders[:2]] == before[:2]
        assert set((await small_mill.outcomes(paused)).values()) == {"pending"}
        for folder in folders:
            open_gates(folder)
        await small_mill.service.resume(paused)
        for batch in (paused, slow):
            assert (await small_mill.client.result(batch.id)).tally.completed == 4
