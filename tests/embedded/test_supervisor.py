"""One worker per home: started when missing, restarted when it dies, ended with its command."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from docmill.embedded import processes
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from docmill.embedded.supervisor import Supervisor, worker_environment
from tests.embedded.conftest import ROOT

CHILD = """
import asyncio, os, signal
from docmill.embedded.child import parent_exited

async def main():
    ended = asyncio.ensure_future(parent_exited())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.cancel)
    print("child.ready", os.environ["TEMPORAL_ADDRESS"], flush=True)
    await asyncio.wait([ended])
    print("child.ended", flush=True)

asyncio.run(main())
"""

PARENT = """
import asyncio, sys
from pathlib import Path
from docmill.embedded.home import Home
from tests.embedded.test_supervisor import supervisor

async def main():
    async with supervisor(Home(Path(sys.argv[1]))):
        print("ready", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def supervisor(home: Home) -> Supervisor:
    """A supervisor of a small program in a worker's place."""
    environment = worker_environment(home, "127.0.0.1:1")
    return Supervisor(home, "worker", [sys.executable, "-c", CHILD], environment)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (
            "report_failure(UsageError('The key k1 is missing.', 'Add it.'))",
            "The key k1 is missing. Add it.",
        ),
        ("print('any other line')", None),
        ("report_failure(UsageError('An earlier one.')); print('started again')", None),
    ],
)
async def test_reason_of_a_process_that_cannot_run_is_known(
    home: Home, ends: str, reason: str | None
) -> None:
    code = (
        "from docmill.embedded.child import report_failure\n"
        "from docmill.errors import UsageError\n"
        f"{ends}"
    )
    reasons: list[str | None] = []
    died = asyncio.Event()

    def note(_: int) -> None:
        reasons.append(dying.process.failure())
        died.set()

    environment = worker_environment(home, "127.0.0.1:1") | {"PYTHONUNBUFFERED": "1"}
    dying = Supervisor(home, "worker", [sys.executable, "-c", code], environment, note)
    async with dying, asyncio.timeout(30):
        await died.wait()
    assert reasons[0] == reason


async def _another_than(process: HomeProcess, pid: int | None) -> int:
    async with asyncio.timeout(20):
        while True:
            found = process.pid()
            if found is not None and found != pid:
                return found
            await asyncio.sleep(0.05)


async def _logged(home: Home, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in home.log("worker").read_text():
            await asyncio.sleep(0.05)


async def test_second_command_uses_the_running_worker(home: Home) -> None:
    async with supervisor(home) as first:
        await _logged(home, "child.ready 127.0.0.1:1")
        pid = first.process.pid()
        async with supervisor(home) as second:
            assert second.process.pid() == pid
        assert first.process.pid() == pid

    assert not first.process.alive()
    await _logged(home, "child.ended")


async def test_killed_worker_is_restarted(home: Home) -> None:
    async with supervisor(home) as keeper:
        pid = keeper.process.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        assert await _another_than(keeper.process, pid) != pid
        assert keeper.deaths == 1


async def test_worker_is_restarted_by_another_command_when_its_own_ends(home: Home) -> None:
    async with supervisor(home) as second:
        first = HomeProcess(home, "worker").pid()
        async with supervisor(home) as third:
            await second.__aexit__(None, None, None)
            assert await _another_than(third.process, first) != first


async def test_ending_command_leaves_the_worker_that_replaced_its_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.5)  # time to take the place between two looks
    old, new = HomeProcess(home, "worker"), HomeProcess(home, "worker")
    await old.spawn(["sleep", "600"], {})
    first = old.pid()
    leaving = asyncio.create_task(old.stop(grace=2))
    while new.alive():
        await asyncio.sleep(0.01)
    await new.spawn(["sleep", "600"], {})
    second = new.pid()

    await leaving

    assert second not in (None, first)
    assert new.pid() == second
    await new.stop(grace=2)


async def test_worker_ends_when_its_command_is_killed(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home.root)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert await asyncio.to_thread(parent.stdout.readline) == "ready\n"
        worker = HomeProcess(home, "worker")
        await _logged(home, "child.ready")
        parent.kill()

        assert await worker.gone(10)


async def test_settings_for_other_servers_do_not_reach_the_embedded_worker(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "secret")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")

    environment = worker_environment(home, "127.0.0.1:7")

    assert environment["TEMPORAL_ADDRESS"] == "127.0.0.1:7"
    assert "TEMPORAL_API_KEY" not in environment
    assert "TEMPORAL_NAMESPACE" not in environment
