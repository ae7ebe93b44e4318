"""Actions of a compromised engine process that are denied: one test for each."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from docmill.engines.base import EngineTask, Limits
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation.pool import EnginePool
from docmill.isolation.sandbox.confinement import Confinement, Level, Mode, Reuse, available
from docmill.testing import hostile_engine
from docmill.testing.engine_trial import Run
from tests.fixtures.engines import Bench
from tests.isolation.processes import (
    engine_folder,
    environment,
    leftovers,
    private_folder,
    until,
)

CANARY = f"canary-{os.getpid()}"
MIB = 1024 * 1024

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        available(Mode.PREFER).level is not Level.CONFINED,
        reason=f"this machine has no Landlock and filter: {available(Mode.PREFER)}",
    ),
]

needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no bwrap: apt-get install bubblewrap"
)

DENIED = ("EPERM", "EACCES", "ENOSYS")
OTHERWISE = {
    "dns": ("gaierror", "EAI_AGAIN"),
    "locked_memory": ("ENOMEM",),
    "disk": (*DENIED, "ENOENT"),
}
"""Attempts that fail in another way: no resolver, no memory, no such device here."""
HARMLESS = (
    "tcp", "udp", "unix_socket", "abstract_socket", "environment_of_the_worker",
    "descriptors_of_the_worker", "root_of_the_worker", "pipes_of_a_neighbour",
    "signal_to_the_worker", "secret_file", "secret_behind_a_link", "home_of_docmill", "records",
    "document_of_a_neighbour", "hard_link", "fifo", "program", "program_of_its_own",
    "further_process", "process_by_number",
)  # fmt: skip
"""Attempts that leave nothing behind when they get through."""


@pytest.fixture(scope="module")
async def hostile_pool() -> AsyncIterator[EnginePool]:
    async with EnginePool(2, engines=hostile_engine.MODULE) as pool:
        yield pool


@pytest.fixture(scope="module")
async def targets(
    hostile_pool: EnginePool, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Any]]:
    """What the attempts are to reach: all of it can be reached by this process."""
    folder = tmp_path_factory.mktemp("targets")
    for name in ("secret", "victim", "records.db"):
        (folder / name).write_text(CANARY)
    neighbour = await _neighbour(hostile_pool, folder)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        unix.bind(str(folder / "socket"))
        unix.listen()
        abstract.bind(f"\0{CANARY}")
        abstract.listen()
        yield {
            "tcp_port": tcp.getsockname()[1],
            "unix_socket": str(folder / "socket"),
            "abstract_socket": CANARY,
            "worker": os.getpid(),
            "neighbour": neighbour,
            "neighbour_folder": str(private_folder(neighbour)),
            "secret": str(folder / "secret"),
            "victim": str(folder / "victim"),
            "outside": str(folder),
            "home": str(folder),
            "records": str(folder / "records.db"),
        }
    assert {(folder / name).read_text() for name in ("secret", "victim", "records.db")} == {CANARY}
    assert sorted(path.name for path in folder.iterdir()) == [
        "neighbour", "neighbour.txt", "records.db", "secret", "socket", "victim",
    ]  # fmt: skip


async def _neighbour(pool: EnginePool, folder: Path) -> int:
    """The pid of an engine process of another project, which stays idle."""
    (folder / "neighbour.txt").write_text('{"attempt": "tcp", "tcp_port": 1}')
    (folder / "neighbour").mkdir()
    document, output = str(folder / "neighbour.txt"), str(folder / "neighbour")
    await pool.run(EngineTask("parse", document, "neighbour.txt", output), project="another")
    (pid,) = pool.pids
    return pid


async def _attempt(bench: Bench, **command: Any) -> Run:
    return await bench.parse_bytes(
        "hostile.txt", json.dumps(command), limits=Limits(memory_bytes=1024 * MIB)
    )


@pytest.mark.parametrize("name", sorted(hostile_engine.ATTEMPTS))
async def test_hostile_process_is_denied_dangerous_calls(
    name: str, hostile_pool: EnginePool, targets: dict[str, Any], tmp_path: Path
) -> None:
    run = await _attempt(Bench(hostile_pool, tmp_path), attempt=name, **targets)

    outcome = json.loads(run.result.pages[0].text)
    assert outcome["denied"], f"{name} got through: {outcome['how']}"
    assert outcome["how"] in OTHERWISE.get(name, DENIED)


async def test_hostile_calls_succeed_without_the_sandbox(
    targets: dict[str, Any], tmp_path: Path
) -> None:
    """So what denies them above is the sandbox, and no mistake in the attempt."""
    unconfined = available(Mode.OFF)
    async with EnginePool(1, engines=hostile_engine.MODULE, confinement=unconfined) as pool:
        bench = Bench(pool, tmp_path)
        runs = {name: await _attempt(bench, attempt=name, **targets) for name in HARMLESS}

    outcomes = {name: json.loads(run.result.pages[0].text) for name, run in runs.items()}
    assert [name for name, outcome in outcomes.items() if outcome["denied"]] == []


async def test_seccomp_filter_alone_allows_file_access_and_denies_the_rest(
    targets: dict[str, Any], tmp_path: Path
) -> None:
    lower = Confinement(Level.FILTERED)
    async with EnginePool(1, engines=hostile_engine.MODULE, confinement=lower) as pool:
        bench = Bench(pool, tmp_path)
        runs = {
            name: await _attempt(bench, attempt=name, **targets)
            for name in ("secret_file", "tcp", "program", "signal_to_the_worker", "hard_link")
        }

    outcomes = {name: json.loads(run.result.pages[0].text) for name, run in runs.items()}
    assert [name for name, outcome in outcomes.items() if not outcome["denied"]] == ["secret_file"]


@needs_bubblewrap
async def test_bubblewrap_alone_denies_the_network_and_writes_outside(
    targets: dict[str, Any], tmp_path: Path
) -> None:
    alone = Confinement(Level.NONE, bubblewrap=True)
    async with EnginePool(1, engines=hostile_engine.MODULE, confinement=alone) as pool:
        bench = Bench(pool, tmp_path)
        runs = {
            name: await _attempt(bench, attempt=name, **targets)
            for name in ("secret_file", "tcp", "abstract_socket", "file_outside", "emptied_file")
        }

    outcomes = {name: json.loads(run.result.pages[0].text) for name, run in runs.items()}
    assert [name for name, outcome in outcomes.items() if not outcome["denied"]] == ["secret_file"]


@needs_bubblewrap
async def test_processes_in_bubblewrap_end_with_their_pool(tmp_path: Path) -> None:
    found = available(Mode.PREFER, bubblewrap=True)
    assert found.bubblewrap, found
    async with EnginePool(1, engines=hostile_engine.MODULE, confinement=found) as pool:
        run = await _attempt(Bench(pool, tmp_path), attempt="secret_file", secret="/etc/passwd")
        assert json.loads(run.result.pages[0].text)["denied"]
        (child,) = pool.pids
        folder = engine_folder(child)
        namespace = Path(f"/proc/{child}/ns/net").readlink()

    assert namespace != Path("/proc/self/ns/net").readlink()
    assert leftovers([folder]) == []


async def test_engine_process_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCMILL_LLM_API_KEY", CANARY)
    async with EnginePool(1, engines=hostile_engine.MODULE) as pool:
        await _attempt(Bench(pool, tmp_path), attempt="tcp", tcp_port=1)
        (child,) = pool.pids
        open_files = [str(link.readlink()) for link in Path(f"/proc/{child}/fd").iterdir()]

        assert CANARY not in environment(child).values()
        own = ("pipe:", "/dev/null", f"/proc/{child}/")
        assert [name for name in open_files if not name.startswith(own)] == []


@pytest.mark.parametrize("trick", ["fill_folder", "fill_without_names", "many_files"])
async def test_process_that_fills_the_disk_is_ended(
    trick: str, hostile_pool: EnginePool, tmp_path: Path
) -> None:
    limits = Limits(seconds=60, folder_bytes=16 * MIB, folder_files=1_000)
    with pytest.raises(ItemFailure) as failed:
        await Bench(hostile_pool, tmp_path).parse_bytes(
            "hostile.txt", json.dumps({"trick": trick}), limits=limits
        )
    assert failed.value.failure_class is FailureClass.LIMIT_EXCEEDED


@pytest.mark.parametrize("trick", ["symlink", "fifo", "hard_link", "folder", "missing", "upwards"])
async def test_only_a_regular_file_is_accepted_as_a_result(
    trick: str, hostile_pool: EnginePool, targets: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ItemFailure):
        await _attempt(Bench(hostile_pool, tmp_path), trick=trick, **targets)


async def test_process_serves_one_project(tmp_path: Path) -> None:
    async with EnginePool(2, engines=hostile_engine.MODULE) as pool:
        seen: dict[str, set[int]] = {}
        for number, project in enumerate("aabbab"):
            document, output = tmp_path / f"{number}.txt", tmp_path / f"{number}"
            document.write_text('{"attempt": "tcp", "tcp_port": 1}')
            output.mkdir()
            task = EngineTask("parse", str(document), document.name, str(output))
            before = pool.pids
            await pool.run(task, project=project)
            known = seen.setdefault(project, set())
            known |= pool.pids - before or known

    assert len(seen["a"]) == len(seen["b"]) == 1
    assert seen["a"].isdisjoint(seen["b"])


async def test_idle_process_of_another_project_is_replaced(tmp_path: Path) -> None:
    async with EnginePool(1, engines=hostile_engine.MODULE) as pool:
        pids = list[int]()
        for project in "aba":
            document, output = tmp_path / "a.txt", tmp_path / f"out-{len(pids)}"
            document.write_text('{"attempt": "tcp", "tcp_port": 1}')
            output.mkdir()
            task = EngineTask("parse", str(document), document.name, str(output))
            await pool.run(task, project=project)
            await until(lambda: len(pool.pids) == 1)
            pids += pool.pids

    assert len(set(pids)) == len(pids)


async def test_document_can_have_a_separate_process(tmp_path: Path) -> None:
    """Then nothing of it outlives its task: no thread, no memory, no file."""
    async with EnginePool(1, engines=hostile_engine.MODULE, reuse=Reuse.DOCUMENT) as pool:
        bench, pids = Bench(pool, tmp_path), list[int]()
        for _ in range(3):
            started = asyncio.create_task(_attempt(bench, attempt="tcp", tcp_port=1))
            await until(lambda: bool(pool.pids))
            pids += pool.pids
            await started
            await until(lambda: not pool.pids)

    assert len(set(pids)) == len(pids)
