"""Every fault of an engine has a typed outcome and does not affect other tasks."""

import asyncio
import os
from typing import Any

import pytest

from docmill.engines.base import Limits
from docmill.errors import FailureClass, ItemFailure
from tests.engines import documents
from tests.fixtures.engines import Bench
from tests.isolation.processes import alive, engine_folder, leftovers, until

MIB = 1024 * 1024
FAULTS: dict[str, tuple[dict[str, Any], FailureClass]] = {
    "sleep": ({"do": "sleep"}, FailureClass.TIMEOUT),
    "chatter": ({"do": "chatter"}, FailureClass.TIMEOUT),
    "fork_bomb": ({"do": "fork_bomb", "processes": 40}, FailureClass.TIMEOUT),
    "fail": ({"do": "fail", "failure_class": "corrupt"}, FailureClass.CORRUPT),
    "raise": ({"do": "raise"}, FailureClass.ENGINE_ERROR),
    "panic": ({"do": "panic"}, FailureClass.ENGINE_ERROR),
    "garbage": ({"do": "garbage"}, FailureClass.ENGINE_ERROR),
    "write": ({"do": "write"}, FailureClass.ENGINE_ERROR),
    "lie low": ({"do": "lie", "pages": 3, "claimed": 2}, FailureClass.ENGINE_ERROR),
    "lie high": ({"do": "lie", "pages": 2, "claimed": 3}, FailureClass.TOO_MANY_PAGES),
    "segfault": ({"do": "segfault"}, FailureClass.CRASHED),
    "exit": ({"do": "exit"}, FailureClass.CRASHED),
    "garble": ({"do": "garble"}, FailureClass.CRASHED),
    "allocate": ({"do": "allocate"}, FailureClass.OUT_OF_MEMORY),
    "abort": ({"do": "abort"}, FailureClass.OUT_OF_MEMORY),
}
LIMITS = Limits(seconds=20, memory_bytes=512 * MIB, output_bytes=2 * MIB)
SHORT = Limits(seconds=0.7, memory_bytes=512 * MIB, output_bytes=2 * MIB)


@pytest.mark.parametrize("name", FAULTS)
async def test_engine_fault_has_its_class_and_leaves_nothing(mock: Bench, name: str) -> None:
    command, expected = FAULTS[name]
    limits = SHORT if expected is FailureClass.TIMEOUT else LIMITS
    await mock.command(do="parse")
    folders = [engine_folder(pid) for pid in mock.pool.pids]

    with pytest.raises(ItemFailure) as failed:
        await mock.command(limits=limits, **command)

    assert failed.value.failure_class is expected
    assert "/" not in failed.value.message.replace("memory/", "")
    assert (await mock.command(do="parse")).report.pages_ok == 1
    await mock.pool.close()
    assert leftovers(folders) == []


async def test_other_slots_finish_while_one_keeps_failing(mock: Bench) -> None:
    async def fail() -> None:
        for kind in ("segfault", "exit", "garble", "segfault"):
            with pytest.raises(ItemFailure):
                await mock.parse_bytes(f"{kind}.txt", f'{{"do": "{kind}"}}')

    async def work() -> list[int]:
        return [
            (await mock.parse_bytes("good.txt", '{"do": "sleep", "seconds": 0.1}')).report.pages_ok
            for _ in range(8)
        ]

    _, done = await asyncio.gather(fail(), work())

    assert done == [1] * 8


async def test_crash_reports_how_the_process_died(mock: Bench) -> None:
    with pytest.raises(ItemFailure, match="SIGSEGV"):
        await mock.command(do="segfault")
    with pytest.raises(ItemFailure, match="exit code 7"):
        await mock.command(do="exit", code=7)


async def test_engine_error_is_bounded_and_names_no_local_path(mock: Bench) -> None:
    message = f"cannot open /home/someone/secret/place.bin {'x' * 5000}"

    with pytest.raises(ItemFailure) as failed:
        await mock.command(do="raise", message=message)

    assert failed.value.message.startswith("RuntimeError: cannot open place.bin xxx")
    assert len(failed.value.message) <= 500


async def test_engine_output_to_stdout_does_not_corrupt_its_answer(mock: Bench) -> None:
    run = await mock.command(do="chatter", seconds=0.2)

    assert run.report.pages_ok == 1


async def test_flaky_engine_succeeds_after_its_failures(mock: Bench) -> None:
    command: dict[str, Any] = {"do": "flake", "times": 2, "counter": str(mock.folder / "counter")}
    for _ in range(2):
        with pytest.raises(ItemFailure):
            await mock.command(**command)

    assert (await mock.command(**command)).report.pages_ok == 1


@pytest.mark.parametrize("escape", [False, True])
async def test_leftover_process_of_an_engine_is_killed(mock: Bench, escape: bool) -> None:
    pid_file = mock.folder / "pid"

    run = await mock.command(do="fork", pid=str(pid_file), escape=escape)

    assert run.report.pages_ok == 1
    await until(lambda: not alive(int(pid_file.read_text())))


@pytest.mark.parametrize("escape", [False, True])
async def test_cancelling_kills_the_child_and_its_children(mock: Bench, escape: bool) -> None:
    pid_file = mock.folder / "pid"
    command: dict[str, Any] = {"pid": str(pid_file), "escape": escape, "seconds": 600}
    task = asyncio.create_task(mock.command(do="fork", **command))
    await until(pid_file.exists)
    (child,) = mock.pool.pids

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until(lambda: not alive(child) and not alive(int(pid_file.read_text())))
    assert (await mock.command(do="parse")).report.pages_ok == 1


async def test_pdf_that_hangs_its_reader_is_ended_at_the_time_limit(engines: Bench) -> None:
    neighbour = asyncio.create_task(engines.parse_bytes("good.pdf", documents.pdf("A good page")))

    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("a.pdf", documents.hanging_pdf(), limits=Limits(seconds=1.5))

    assert failed.value.failure_class is FailureClass.TIMEOUT
    assert "1.5 seconds" in failed.value.message
    assert "A good page" in (await neighbour).markdown


async def test_memory_limits_are_those_of_each_task(mock: Bench) -> None:
    """A task with a small limit does not leave its limit to the next one."""
    for mib in (512, 1024, 512):
        with pytest.raises(ItemFailure) as failed:
            await mock.command(do="allocate", limits=Limits(memory_bytes=mib * MIB))
        assert f"{mib} MiB" in failed.value.message
    assert (await mock.command(do="parse", limits=LIMITS)).report.pages_ok == 1


async def test_crash_with_a_large_worker_is_not_reported_as_out_of_memory(mock: Bench) -> None:
    """The kernel counts the memory of the process that started a child as the child's own."""
    ballast = bytearray(os.urandom(1024) * (400 * 1024))
    with pytest.raises(ItemFailure) as failed:
        await mock.command(limits=LIMITS, do="segfault")
    assert failed.value.failure_class is FailureClass.CRASHED
    assert len(ballast) == 400 * 1024 * 1024
