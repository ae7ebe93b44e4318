"""The lifecycle of the children in a pool."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from docmill.engines.base import EngineReport, EngineTask, Limits
from docmill.errors import ItemFailure, UnavailableError
from docmill.isolation.pool import EnginePool
from tests.fixtures.engines import Bench, mock_pool
from tests.isolation.processes import alive, engine_folder, environment, leftovers, parent_of, until

MIB = 1024 * 1024


async def test_no_child_is_started_before_it_is_needed(mock: Bench) -> None:
    assert not mock.pool.pids

    await mock.command(do="parse")

    assert len(mock.pool.pids) == 1


@pytest.mark.integration
async def test_one_child_serves_many_files(tmp_path: Path) -> None:
    async with mock_pool() as pool:
        bench = Bench(pool, tmp_path)
        seen = set[int]()
        for _ in range(20):
            await bench.command(do="parse")
            seen |= pool.pids

    assert len(seen) == 1


@pytest.mark.integration
async def test_child_that_has_grown_is_replaced(tmp_path: Path) -> None:
    async with mock_pool(growth_bytes=40 * MIB) as pool:
        bench = Bench(pool, tmp_path)
        await bench.command(do="grow", mib=20)
        (first,) = pool.pids
        await bench.command(do="grow", mib=30)  # 50 in all

        assert (await bench.command(do="parse")).report.pages_ok == 1
        assert first not in pool.pids


async def test_child_that_leaves_files_open_is_replaced_before_its_limit(mock: Bench) -> None:
    for _ in range(3):
        await mock.command(do="open", files=100)  # of 256

    assert (await mock.command(do="parse")).report.pages_ok == 1


@pytest.mark.integration
async def test_failed_fork_server_start_is_retried_by_the_next_task(tmp_path: Path) -> None:
    async with EnginePool(1, engines="docmill.nowhere:registry") as pool:
        pool.prepare()

        for _ in range(2):
            with pytest.raises(UnavailableError, match="could not be started"):
                await Bench(pool, tmp_path).command(do="parse")


@pytest.mark.integration
async def test_pool_closed_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    folders = list[Path]()

    def new_folder() -> Path:
        folders.append(tmp_path / f"engines-{len(folders)}")
        folders[-1].mkdir()
        return folders[-1]

    pool = mock_pool(new_folder=new_folder)
    await pool.start()
    pool.prepare()
    await until(lambda: bool(folders))

    await pool.close()
    pool.prepare()

    assert leftovers(map(str, folders)) == []
    assert len(folders) == 1


async def test_tasks_in_progress_never_exceed_children(mock: Bench) -> None:
    tasks = [
        asyncio.create_task(mock.parse_bytes(f"{n}.txt", '{"do": "sleep", "seconds": 0.05}'))
        for n in range(6)
    ]
    highest = 0
    while not all(task.done() for task in tasks):
        highest = max(highest, len(mock.pool.pids))
        await asyncio.sleep(0.01)

    assert highest <= mock.pool.children
    assert [(await task).report.pages_ok for task in tasks] == [1] * 6


async def test_dead_idle_child_is_replaced_silently(mock: Bench) -> None:
    await mock.command(do="parse")
    (first,) = mock.pool.pids
    os.kill(first, signal.SIGKILL)

    run = await mock.command(do="parse")

    assert run.report.pages_ok == 1
    assert first not in mock.pool.pids


async def test_child_killed_from_outside_is_reported_as_a_retryable_crash(
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
    await mock.pool.run(task, on_started=started.set)


async def test_event_loop_is_not_blocked_while_engines_run(mock: Bench) -> None:
    """A task of the loop gets its turns while both children are busy, as heartbeats must."""
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


async def test_closing_the_pool_ends_every_child_without_blaming_files(
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


@pytest.mark.integration
async def test_child_that_cannot_start_is_not_charged_to_a_file(tmp_path: Path) -> None:
    async with EnginePool(1, engines="docmill.nowhere:registry") as pool:
        with pytest.raises(UnavailableError, match="could not be started"):
            await Bench(pool, tmp_path).command(do="parse")
        assert not pool.pids


async def test_killed_guard_is_replaced_before_the_next_child(mock: Bench) -> None:
    first = mock.pool.guard_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)

    await mock.command(do="parse")

    assert mock.pool.guard_pid != first


async def test_killed_fork_server_is_replaced(mock: Bench) -> None:
    started = asyncio.Event()
    working = asyncio.create_task(_with_start(mock, started))
    await started.wait()
    (child,) = mock.pool.pids
    server, folder = parent_of(child), engine_folder(child)

    os.kill(server, signal.SIGKILL)

    with pytest.raises(ItemFailure) as failed:
        await working
    assert failed.value.retry == "engine"
    assert not alive(child)
    assert leftovers([folder]) == []
    assert (await mock.command(do="parse")).report.pages_ok == 1


async def test_children_inherit_no_environment(
    mock: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCMILL_LLM_API_KEY", "sk-secret")
    await mock.command(do="parse")
    (child,) = mock.pool.pids

    variables = environment(child)

    assert "sk-secret" not in variables.values()
    assert not [name for name in variables if name.startswith("DOCMILL")]


async def test_child_has_its_limits_and_a_separate_session(mock: Bench) -> None:
    await mock.command(do="parse", limits=Limits(memory_bytes=700 * 1024 * 1024))
    (child,) = mock.pool.pids

    lines = Path(f"/proc/{child}/limits").read_text(encoding="ascii").splitlines()[1:]
    limits = {line[:25].strip(): line[25:].split()[0] for line in lines}

    assert limits["Max address space"] == str(700 * 1024 * 1024)
    assert limits["Max file size"] == str(1024 * 1024 * 1024)
    assert limits["Max core file size"] == "0"
    assert int(limits["Max open files"]) <= 256
    assert os.getsid(child) == child


@pytest.mark.integration
async def test_children_go_to_waiting_projects_in_turn(tmp_path: Path) -> None:
    gate, done = tmp_path / "gate", list[str]()
    async with mock_pool() as pool:

        async def run(project: str, number: int, **command: Any) -> None:
            await pool.run(_task(tmp_path, f"{project}-{number}", **command), project=project)
            done.append(f"{project}-{number}")

        first = asyncio.create_task(run("large", 0, do="wait", file=str(gate)))
        await until(lambda: len(pool.pids) == 1)
        waiting = [
            asyncio.create_task(run(project, number, do="parse"))
            for project, count in (("large", 4), ("small", 2), ("late", 1))
            for number in range(1, count + 1)
        ]
        await asyncio.sleep(0)  # all of them begin to wait
        gate.touch()
        await asyncio.gather(first, *waiting)

    assert done == [
        "large-0", "small-1", "late-1", "large-1", "small-2", "large-2", "large-3", "large-4",
    ]  # fmt: skip


@pytest.mark.integration
async def test_wait_for_a_child_times_out_and_is_not_charged_to_a_file(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with mock_pool() as pool:
        busy = asyncio.create_task(pool.run(_task(tmp_path, "a", do="wait", file=str(gate))))
        await asyncio.sleep(0)

        with pytest.raises(UnavailableError, match="No engine process was free"):
            await pool.run(_task(tmp_path, "b", do="parse"), within=0.01)

        gate.touch()
        assert (await busy).pages_ok == 1
        assert (await pool.run(_task(tmp_path, "c", do="parse"), within=0.01)).pages_ok == 1


@pytest.mark.integration
async def test_cancelled_wait_takes_no_child_from_others(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with mock_pool() as pool:
        busy = asyncio.create_task(pool.run(_task(tmp_path, "a", do="wait", file=str(gate))))
        waiting = [
            asyncio.create_task(pool.run(_task(tmp_path, name, do="parse"))) for name in "bcd"
        ]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.touch()
        await busy
        waiting[1].cancel()  # in the moment in which it is given the child

        results = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(result) for result in results[:2]] == [asyncio.CancelledError] * 2
        assert isinstance(results[2], EngineReport)


@pytest.mark.integration
async def test_clock_of_a_task_starts_when_a_child_has_it(tmp_path: Path) -> None:
    async with mock_pool() as pool:
        longer = pool.run(_task(tmp_path, "longer", do="sleep", seconds=1.6))
        short = pool.run(_task(tmp_path, "short", limits=Limits(seconds=1.5), do="parse"))

        reports = await asyncio.gather(longer, short)

    assert [report.pages_ok for report in reports] == [1, 1]


@pytest.mark.integration
async def test_turn_ends_with_the_task_that_uses_it(tmp_path: Path) -> None:
    async with mock_pool() as pool:
        held = asyncio.Event()

        async def other() -> EngineReport:
            await held.wait()
            return await pool.run(_task(tmp_path, "other", do="parse"))

        waiting = asyncio.create_task(other())
        async with pool.turn("a"):
            held.set()
            await asyncio.sleep(0)
            assert not waiting.done()
            await pool.run(_task(tmp_path, "own", do="parse"))
            # The block goes on, and stores the result: the child is free for others.
            assert (await waiting).pages_ok == 1


@pytest.mark.integration
async def test_unused_turn_ends_with_its_block(tmp_path: Path) -> None:
    async with mock_pool() as pool:
        async with pool.turn("a"):
            pass
        assert (await pool.run(_task(tmp_path, "next", do="parse"), within=5)).pages_ok == 1


@pytest.mark.integration
async def test_wait_for_a_turn_times_out(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with mock_pool() as pool:
        busy = asyncio.create_task(pool.run(_task(tmp_path, "a", do="wait", file=str(gate))))
        await asyncio.sleep(0)

        with pytest.raises(UnavailableError, match="No engine process was free"):
            async with pool.turn("b", within=0.01):
                pass

        gate.touch()
        await busy


@pytest.mark.integration
async def test_turn_serves_one_of_the_tasks_that_its_holder_starts(tmp_path: Path) -> None:
    async with mock_pool(2) as pool, pool.turn("a"):
        reports = await asyncio.gather(
            *(pool.run(_task(tmp_path, str(n), do="parse"), project="a") for n in range(4))
        )

    assert [report.pages_ok for report in reports] == [1] * 4


def _task(folder: Path, name: str, *, limits: Limits | None = None, **command: Any) -> EngineTask:
    """A task of the mock engine, with an output folder of its own."""
    document, output = folder / f"{name}.txt", folder / f"{name}.out"
    document.write_text(json.dumps(command))
    output.mkdir()
    return EngineTask("parse", str(document), document.name, str(output), limits=limits or Limits())
