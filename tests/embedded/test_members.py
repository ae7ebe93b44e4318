"""One server per home, whichever process is killed."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from docmill.contracts.names import BATCH_QUEUE
from docmill.embedded.addresses import LOOPBACK, Addresses, free_port
from docmill.embedded.connect import connect_to, pollers
from docmill.embedded.home import Home
from docmill.embedded.members import Membership
from docmill.temporal.payloads import PLAIN

StartMember = Callable[[], subprocess.Popen[str]]


def _joined(member: subprocess.Popen[str]) -> bool:
    assert member.stdout is not None
    return member.stdout.readline() == "joined\n"


async def test_members_share_one_server_and_the_last_one_stops_it(home: Home) -> None:
    first, second = Membership(home), Membership(home)

    addresses = await first.join()
    assert await second.join() == addresses
    pid = first.server.process.pid()
    await first.leave()
    assert second.server.process.pid() == pid
    await second.leave()

    assert not second.server.process.alive()


async def test_server_without_members_is_reused_by_the_next_one(
    home: Home, start_member: StartMember
) -> None:
    killed = start_member()
    assert _joined(killed)
    next_one = Membership(home)
    orphan = next_one.server.process.pid()
    killed.kill()
    killed.wait()

    async with next_one:
        assert next_one.server.process.pid() == orphan

    assert not next_one.server.process.alive()


def _command_lines() -> list[str]:
    """Of all processes; Linux tells them without a program, which a small machine lacks."""
    if Path("/proc/self/cmdline").exists():
        files = Path("/proc").glob("[0-9]*/cmdline")
        return [_text(file).replace("\0", " ") for file in files]
    command = ["ps", "-A", "-ww", "-o", "args"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


async def test_racing_commands_start_one_server(home: Home, start_member: StartMember) -> None:
    members = [start_member() for _ in range(4)]

    assert all(_joined(member) for member in members)

    servers = [
        line for line in _command_lines() if str(home.temporal) in line and "/bin/sh" not in line
    ]
    assert len(servers) == 1


async def test_killed_server_restarts_at_its_address_with_its_histories(home: Home) -> None:
    member = Membership(home)
    async with member as addresses:
        client = await connect_to(addresses.grpc, PLAIN)
        await client.start_workflow("Batch", id="kept", task_queue="nobody")
        pid = member.server.process.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert await member.server.process.gone(5)

        assert await member.restart_server() == addresses
        client = await connect_to(addresses.grpc, PLAIN)
        described = await client.get_workflow_handle("kept").describe()

    assert described.id == "kept"


async def test_server_that_dies_during_its_start_keeps_its_address(home: Home) -> None:
    member = Membership(home)
    async with member as addresses:
        first = await _killed(member, None)
        reviving = asyncio.create_task(member.restart_server())
        await _killed(member, first)

        assert await reviving == addresses


async def _killed(member: Membership, before: int | None) -> int:
    """Kill the server once it is another process than ``before``; return its pid."""
    while (pid := member.server.process.pid()) in (None, before):
        await asyncio.sleep(0.01)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def test_interrupted_start_leaves_no_server(home: Home) -> None:
    member = Membership(home)
    joining = asyncio.create_task(member.join())
    while not member.server.process.alive() and not joining.done():
        await asyncio.sleep(0.01)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining

    assert not member.server.process.alive()


async def test_stale_lock_files_and_reused_pids_are_detected(home: Home) -> None:
    home.server_file.write_text('{"port": 1, "ui_port": 2}')
    home.lock("temporal-process").write_text(str(os.getpid()))
    member = Membership(home)

    assert member.server.process.pid() is None
    async with member:
        assert member.server.process.pid() != os.getpid()


async def test_server_waits_until_its_previous_ports_are_released(home: Home) -> None:
    before = Addresses(free_port(), free_port())
    home.server_file.write_text(json.dumps(asdict(before)))
    with socket.create_server((LOOPBACK, before.port)) as held:
        asyncio.get_running_loop().call_later(0.1, held.close)

        async with Membership(home) as addresses:
            assert addresses == before


async def test_broken_address_files_are_replaced(home: Home) -> None:
    home.server_file.write_text("{")

    async with Membership(home) as addresses:
        assert addresses.port > 0


async def test_task_queue_without_a_worker_has_no_poller(home: Home) -> None:
    async with Membership(home) as addresses:
        assert await pollers(await connect_to(addresses.grpc, PLAIN), BATCH_QUEUE) == []
