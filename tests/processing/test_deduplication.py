"""Files with the same bytes and parameters are processed once, also at the same time."""

import asyncio
import logging
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from docmill.contracts.access import Limits
from docmill.embedded.connect import connect_to
from docmill.processing import engines
from docmill.records.projects import Projects
from docmill.records.tables.attempts import EngineLease
from docmill.records.tables.batches import Batch, Result
from docmill.temporal.payloads import PLAIN
from tests.fixtures.mill import Mill, until, write_command


def write_copies(folder: Path, count: int, **command: str) -> Path:
    """Files with one content, whatever their names."""
    write_command(folder, "original.txt", **command)
    for number in range(count - 1):
        (folder / f"copy-{number}.txt").write_bytes((folder / "original.txt").read_bytes())
    return folder


def engine_runs(path: Path) -> int:
    """How often the engine ran."""
    return len(path.read_text().split()) if path.exists() else 0


async def test_files_with_the_same_bytes_in_one_batch_run_the_engine_once(
    mill: Mill, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, engines.__name__)
    runs, gate = tmp_path / "runs", tmp_path / "gate"
    folder = write_copies(tmp_path / "in", 5, do="wait", file=str(gate), record=str(runs))
    address = mill.temporal.service_client.config.target_host
    second = Mill(await connect_to(address, PLAIN), mill.database, mill.settings)
    async with mill.faulty_worker(), second.faulty_worker():
        batch = await mill.start(folder)
        await until(lambda: _waiting(mill, batch, 4))
        gate.touch()
        result = await mill.client.result(batch.id)
    assert (result.tally.completed, result.tally.skipped) == (1, 4)
    assert engine_runs(runs) == 1
    assert [line.message for line in caplog.records if line.name == engines.__name__] == [
        "engine.started"
    ]
    items = await mill.items(batch)
    assert len({item.result_id for item in items}) == 1
    assert {item.skip_reason for item in items} == {None, "already_processed"}


async def _waiting(mill: Mill, batch: Batch, count: int) -> bool:
    """Whether so many files have been handed back to wait for another one."""
    items = await mill.items(batch)
    return sum(item.status == "pending" and item.attempts > 0 for item in items) >= count


async def test_two_batches_of_a_project_run_the_engine_once_for_the_same_bytes(
    small_mill: Mill, tmp_path: Path
) -> None:
    runs, gate = tmp_path / "runs", tmp_path / "gate"
    command = {"do": "wait", "file": str(gate), "record": str(runs)}
    folders = [write_copies(tmp_path / name, 1, **command) for name in ("one", "two")]
    async with small_mill.faulty_worker():
        batches = [await small_mill.start(folder) for folder in folders]
        await until(lambda: _any_waits(small_mill, batches))
        gate.touch()
        results = [await small_mill.client.result(batch.id) for batch in batches]
    assert Counter(it.tally.completed for it in results) == {1: 1, 0: 1}
    assert engine_runs(runs) == 1


async def test_same_bytes_in_two_projects_share_no_result_lease_process_or_stored_name(
    mill: Mill, tmp_path: Path
) -> None:
    pids, gate = tmp_path / "pids", tmp_path / "gate"
    command = {"do": "wait", "file": str(gate), "pids": str(pids)}
    async with mill.database.write() as session:
        made = [await Projects(session).create(name, Limits()) for name in ("one", "two")]
    projects = [project.id for project in made]
    folders = [write_copies(tmp_path / project, 1, **command) for project in projects]
    for project, folder in zip(projects, folders, strict=True):
        for number in range(3):  # that the processes which become free also serve
            own = str(tmp_path / f"pids of {project}")
            write_command(folder, f"z{number}.txt", do="parse", pids=own)
    async with mill.faulty_worker():
        batches = [
            await mill.start(folder, project_id=project)
            for project, folder in zip(projects, folders, strict=True)
        ]
        await until(lambda: _held(mill, set(projects)))
        gate.touch()
        results = [await mill.client.result(batch.id) for batch in batches]
    assert [result.tally.completed for result in results] == [4, 4]
    both = set(pids.read_text().split())
    ran = [set((tmp_path / f"pids of {project}").read_text().split()) for project in projects]
    assert len(both) == 2, "each project ran the engine, at the same time"
    assert not ran[0] & ran[1]
    assert all(len(both & own) <= 1 for own in ran)
    async with mill.database.read() as session:
        rows = (await session.scalars(select(Result))).all()
    assert Counter(row.project_id for row in rows) == dict.fromkeys(projects, 4)
    assert len({row.object_prefix for row in rows}) == len(rows)
    assert all(row.object_prefix.startswith(f"results/{row.project_id}/") for row in rows)
    objects = mill.settings.home / "objects"
    stored = [path.relative_to(objects) for path in objects.rglob("*") if path.is_file()]
    owned = [path for path in stored if any(project in path.parts for project in projects)]
    batch_ids = {batch.id for batch in batches}
    assert all(batch_ids & set(path.parts) for path in set(stored) - set(owned)), stored


async def _held(mill: Mill, projects: set[str]) -> bool:
    """Whether each of these projects holds a lease for the same key."""
    async with mill.database.read() as session:
        leases = (await session.scalars(select(EngineLease))).all()
    keys = Counter(lease.cache_key for lease in leases)
    return {lease.project_id for lease in leases if keys[lease.cache_key] > 1} == projects


async def _any_waits(mill: Mill, batches: list[Batch]) -> bool:
    return any([await _waiting(mill, batch, 1) for batch in batches])


async def test_waiting_item_runs_the_engine_when_the_first_one_fails(
    small_mill: Mill, tmp_path: Path
) -> None:
    runs, counter = tmp_path / "runs", tmp_path / "counter"
    folder = write_copies(
        tmp_path / "in",
        3,
        do="flake",
        failure_class="corrupt",
        counter=str(counter),
        record=str(runs),
    )
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder)
    outcomes = Counter((await small_mill.outcomes(batch)).values())
    assert outcomes == {"failed": 1, "completed": 1, "skipped": 1}
    assert engine_runs(runs) == 2


async def test_waiting_batch_is_admitted_when_the_running_one_is_terminated(
    small_mill: Mill, tmp_path: Path
) -> None:
    runs, gate = tmp_path / "runs", tmp_path / "gate"
    command = {"do": "wait", "file": str(gate), "record": str(runs)}
    first = await small_mill.start(write_copies(tmp_path / "one", 1, **command))
    async with small_mill.faulty_worker():
        await until(lambda: _ran(runs, 1))
        second = await small_mill.start(write_copies(tmp_path / "two", 1, **command))
        await until(lambda: _waiting(small_mill, second, 1))
        await small_mill.temporal.get_workflow_handle(first.id).terminate("gone")
        await small_mill.service.reconciler.reconcile(await small_mill.row(first))
        await until(lambda: _ran(runs, 2))
        gate.touch()
        assert (await small_mill.client.result(second.id)).tally.completed == 1
    assert (await small_mill.row(first)).status == "CANCELLED"


async def _ran(runs: Path, count: int) -> bool:
    return await asyncio.to_thread(engine_runs, runs) >= count


async def test_every_file_runs_the_engine_when_the_cache_is_disabled(
    small_mill: Mill, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    folder = write_copies(tmp_path / "in", 3, do="parse", record=str(runs))
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder, job={"parameters": {"disable_cache": True}})
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    assert engine_runs(runs) == 3
