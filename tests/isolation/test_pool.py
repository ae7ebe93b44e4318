"""The life of the children in a pool."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from docmill.engines.base import EngineTask, Limits
from docmill.errors import ItemFailure, UnavailableError
from docmill.isolation.pool import EnginePool
from docmill.testing.mock_engine import MODULE
from tests.fixtures.engines import Bench
from tests.isolation.processes import alive, engine_folder, environment, leftovers, until


async def test_no_child_is_started_before_it_is_needed(mock: Bench) -> None:
    assert not mock.pool.pids

    await mock.command(do="parse")

    assert len(mock.pool.pids) == 1


async def test_one_child_serves_many_files_and_is_then_replaced(tmp_path: Path) -> None:
    async with EnginePool(1, recycle_after=3, engines=MODULE) as pool:
        bench = Bench(pool, tmp_path)
        seen = []
        for _ in range(7):
            await bench.command(do="parse", record=str(tmp_path / "runs"))
            seen.append(pool.pids)

    assert [len(pids) for pids in seen] == [1, 1, 0, 1, 1, 0, 1]
    assert len({pid for pids in seen for pid in pids}) == 3
    assert len((tmp_path / "runs").read_text().splitlines()) == 7


async def test_never_more_tasks_than_slots(mock: Bench) -> None:
    tasks = [
        asyncio.create_task(mock.parse_bytes(f"{n}.txt", '{"do": "sleep", "seconds": 0.05}'))
        for n in range(6)
    ]
    highest = 0
    while not all(task.done() for task in tasks):
        highest = max(highest, len(mock.pool.pids))
        await asyncio.sleep(0.01)

    assert highest <= mock.pool.slots
    assert [(await task).report.pages_ok for task in tasks] == [1] * 6


async def test_an_idle_child_that_died_is_replaced_silently(mock: Bench) -> None:
    await mock.command(do="parse")
    (first,) = mock.pool.pids
    os.kill(first, signal.SIGKILL)

    run = await mock.command(do="parse")

    assert run.report.pages_ok == 1
    assert first not in mock.pool.pids


async def test_a_working_child_that_is_killed_from_outside_is_a_crash_that_may_be_retried(
    mock: Bench,
) -> None:
    started = asyncio.Event()
    bench_task = asyncio.create_task(_with_start(mock, started))
    await started.wait()
    (child,) = mock.pool.pids
    os.kill(child, signal.SIGKILL)

    with pytest.raises(ItemFailure, match="SIGKILL") as failed:
        await bench_task

    assert failed.value.retry == "engine"


async def _with_start(mock: Bench, started: asyncio.Event) -> None:
    path = mock.folder / "sleep.txt"
    path.write_text('{"do": "sleep"}')
    output = mock.folder / "started"
    output.mkdir()
    task = EngineTask("parse", str(path), path.name, str(output))
    await mock.pool.run(task, started.set)


async def test_the_event_loop_goes_on_while_engines_work(mock: Bench) -> None:
    """A task of the loop gets its turns while both slots are busy, as heartbeats must."""
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(
        *(mock.parse_bytes(f"{n}.txt", '{"do": "sleep", "seconds": 0.1}') for n in range(2))
    )
    ticking.cancel()

    assert turns > 100


async def test_closing_ends_every_child_and_running_tasks_are_not_blamed_on_their_files(
    mock: Bench,
) -> None:
    task = asyncio.create_task(mock.command(do="sleep"))
    await until(lambda: len(mock.pool.pids) == 1)
    (child,), guard = mock.pool.pids, mock.pool.guard_pid
    folder = engine_folder(child)

    await mock.pool.close()

    with pytest.raises(UnavailableError):
        await task
    with pytest.raises(UnavailableError):
        await mock.command(do="parse")
    assert guard is not None
    assert not alive(guard)
    assert leftovers([folder]) == []


async def test_a_child_that_cannot_start_is_no_files_fault(tmp_path: Path) -> None:
    async with EnginePool(1, engines="docmill.nowhere:registry") as pool:
        with pytest.raises(UnavailableError, match="could not be started"):
            await Bench(pool, tmp_path).command(do="parse")
        assert not pool.pids


async def test_a_guard_that_was_killed_is_replaced_before_the_next_child(mock: Bench) -> None:
    first = mock.pool.guard_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)

    await mock.command(do="parse")

    assert mock.pool.guard_pid != first


async def test_children_inherit_no_environment(
    mock: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCMILL_LLM_API_KEY", "sk-secret")
    await mock.command(do="parse")
    (child,) = mock.pool.pids

    variables = environment(child)

    assert "sk-secret" not in variables.values()
    assert not [name for name in variables if name.startswith("DOCMILL")]


async def test_a_child_has_its_limits_and_a_session_of_its_own(mock: Bench) -> None:
    await mock.command(do="parse", limits=Limits(memory_bytes=700 * 1024 * 1024))
    (child,) = mock.pool.pids

    lines = Path(f"/proc/{child}/limits").read_text(encoding="ascii").splitlines()[1:]
    limits = {line[:25].strip(): line[25:].split()[0] for line in lines}

    assert limits["Max address space"] == str(700 * 1024 * 1024)
    assert limits["Max file size"] == str(1024 * 1024 * 1024)
    assert limits["Max core file size"] == "0"
    assert int(limits["Max open files"]) <= 256
    assert os.getsid(child) == child
