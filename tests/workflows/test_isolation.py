"""Engine faults do not harm a batch: the worker continues and the attempt budget is respected."""

from pathlib import Path

from docmill.contracts.batches import BatchSpec
from docmill.isolation.families import marked
from docmill.testing import mock_engine
from tests.fixtures.mill import Mill, unconfined, until, write_command, write_texts
from tests.isolation import dying_fork_server
from tests.isolation.processes import alive
from worker import running_worker


async def test_engine_fault_fails_only_its_own_item(mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 6)
    write_command(folder, "crash.txt", do="segfault")
    write_command(folder, "raise.txt", do="raise", message="no reason")
    write_command(folder, "locked.txt", do="fail", failure_class="encrypted")
    write_command(folder, "slow.txt", do="sleep", seconds=600)
    write_command(folder, "lie.txt", do="lie", claimed=3, pages=1)
    mill.settings = mill.settings.model_copy(update={"engine_timeout_seconds": 1})
    async with mill.faulty_worker():
        batch = await mill.run(folder)
    items = {item.path: item for item in await mill.items(batch)}
    failed = {path: item.failure_class for path, item in items.items() if item.status == "failed"}
    assert failed == {
        "crash.txt": "crashed",
        "raise.txt": "engine_error",
        "locked.txt": "encrypted",
        "slow.txt": "timeout",
        "lie.txt": "too_many_pages",
    }
    assert items["crash.txt"].attempts == 3
    assert (items["crash.txt"].engine, items["crash.txt"].engine_version) == ("mock", "1")
    assert items["locked.txt"].attempts == 1
    assert sum(item.status == "completed" for item in items.values()) == 6


async def test_item_completes_when_its_engine_recovers_within_the_attempt_budget(
    small_mill: Mill, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    folder = write_command(
        tmp_path / "in",
        "flaky.txt",
        do="flake",
        failure_class="crashed",
        times=2,
        counter=str(counter),
    )
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.attempts) == ("completed", 3)


async def test_cancel_kills_items_in_flight_and_leaves_finished_ones(
    mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    for name in ("z1.txt", "z2.txt", "z3.txt"):
        write_command(folder, name, do="sleep", seconds=600)
    mill.settings = mill.settings.model_copy(update={"engine_slots": 4})
    async with mill.faulty_worker():
        batch = await mill.start(folder)
        await mill.until_progress(batch, lambda now: now.processed == 2 and now.in_flight == 3)
        await mill.service.cancel(batch, "enough")
        result = await mill.client.result(batch.id)
    assert result.tally.model_dump() == {"completed": 2, "failed": 0, "skipped": 0, "cancelled": 3}


async def test_stopping_worker_hands_its_items_back(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_command(tmp_path / "in", "slow.txt", do="sleep", seconds=600)

    async def in_engine() -> bool:
        return [item.status for item in await small_mill.items(batch)] == ["processing"]

    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder)
        await until(in_engine)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.failure_class) == ("pending", None)
    (folder / "slow.txt").touch()  # the listing is frozen: what changed since must be said
    async with running_worker(small_mill.temporal, small_mill.settings, mock_engine.MODULE):
        await small_mill.client.result(batch.id)
    (item,) = await small_mill.items(batch)
    assert item.failure_class == "source_changed"


async def test_item_completes_when_the_fork_server_is_killed_between_fork_and_report(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_command(tmp_path / "in", "a.txt", do="parse")
    settings = unconfined(small_mill.settings)
    async with running_worker(small_mill.temporal, settings, dying_fork_server.MODULE):
        batch = await small_mill.run(folder)
        (mark,) = settings.scratch.rglob(dying_fork_server.MARK)
        unreported = int(mark.read_text())
        assert not alive(unreported)
        servers = [path for path in mark.parent.iterdir() if path.is_dir()]
        assert len(servers) == 1, "the folder of the first server is gone with its processes"
    (item,) = await small_mill.items(batch)
    assert item.status == "completed"
    assert not any(marked(str(server)) for server in servers)


async def test_items_in_flight_never_exceed_the_concurrency(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    for number in range(6):
        write_command(folder, f"slow-{number}.txt", do="sleep", seconds=600)
    async with small_mill.faulty_worker():
        batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder), concurrency=3))
        await small_mill.service.start(batch)
        await small_mill.until_progress(batch, lambda now: now.in_flight == 3)
        await small_mill.service.set_concurrency(batch, 5)
        await small_mill.until_progress(batch, lambda now: now.in_flight == 5)
        await small_mill.service.cancel(batch)
        await small_mill.client.result(batch.id)
