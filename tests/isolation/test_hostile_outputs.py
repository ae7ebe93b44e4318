"""Files that a compromised process leaves in its folder do not become results."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from docmill.engines.base import Limits
from docmill.errors import FailureClass, ItemFailure, Retry
from docmill.isolation.pool import EnginePool
from docmill.isolation.sandbox.confinement import Mode, available
from docmill.testing import hostile_engine
from docmill.testing.engine_trial import Run
from tests.fixtures.engines import Bench
from tests.isolation.processes import engine_folder, leftovers, private_folder

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
SMALL = Limits(seconds=30, output_bytes=2 * MIB, folder_bytes=16 * MIB, folder_files=2_000)


@pytest.fixture
async def hostile(tmp_path: Path) -> AsyncIterator[Bench]:
    async with EnginePool(
        1, engines=hostile_engine.MODULE, confinement=available(Mode.OFF)
    ) as pool:
        yield Bench(pool, tmp_path)


async def _play(hostile: Bench, trick: str, **command: Any) -> Run:
    text = json.dumps({"trick": trick, **command})
    return await hostile.parse_bytes("hostile.txt", text, limits=SMALL)


@pytest.mark.parametrize(
    "trick", ["symlink", "fifo", "hard_link", "folder", "device", "missing", "upwards"]
)
async def test_result_must_be_a_regular_unshared_file(hostile: Bench, trick: str) -> None:
    secret = hostile.folder / "secret"
    secret.write_text("canary")

    with pytest.raises(ItemFailure) as failed:
        await _play(hostile, trick, secret=str(secret))

    assert failed.value.failure_class is FailureClass.ENGINE_ERROR
    copies = [path for path in hostile.folder.rglob("*") if path.is_file() and path != secret]
    assert not [path for path in copies if b"canary" in path.read_bytes()]
    assert secret.read_text() == "canary"
    assert (await _play(hostile, "scribble")).report.pages_ok == 1


@pytest.mark.parametrize("name", ["../out", "/etc/hostname", "a/b", "\0", "x" * 300, ""])
async def test_result_file_name_that_leaves_its_folder_is_rejected(
    hostile: Bench, name: str
) -> None:
    with pytest.raises(ItemFailure):
        await _play(hostile, "upwards", name=name)


@pytest.mark.parametrize(
    ("trick", "command"),
    [("no_files", {}), ("no_files", {"asked": "1-400"}), ("same_file_twice", {})],
)
async def test_report_without_its_result_is_a_crash_and_no_wait_for_the_store(
    hostile: Bench, trick: str, command: dict[str, str]
) -> None:
    with pytest.raises(ItemFailure) as failed:
        await _play(hostile, trick, **command)
    assert failed.value.failure_class is FailureClass.CRASHED
    assert failed.value.retry is Retry.ENGINE


async def test_open_descriptor_cannot_change_a_stored_result(hostile: Bench) -> None:
    run = await _play(hostile, "keep_open")
    (child,) = hostile.pool.pids
    before = (run.folder / "result.json").read_bytes()

    await _play(hostile, "scribble")

    assert hostile.pool.pids == {child}
    assert (run.folder / "result.json").read_bytes() == before


async def test_result_that_is_too_large_is_not_copied(hostile: Bench) -> None:
    with pytest.raises(ItemFailure, match="larger than 2 MiB"):
        await _play(hostile, "endless")


@pytest.mark.parametrize(
    "trick",
    [
        "many_files",
        "deep_folders",
        "fill_folder",
        "fill_without_names",
        "fill_unlisted_folder",
        "fill_mapped",
    ],
)
async def test_process_that_fills_its_folder_is_ended_before_its_time_limit(
    hostile: Bench, trick: str
) -> None:
    with pytest.raises(ItemFailure) as failed:
        await _play(hostile, trick)

    assert failed.value.failure_class is FailureClass.LIMIT_EXCEEDED
    assert failed.value.engine == "hostile"
    assert not hostile.pool.pids


async def test_process_with_too_many_threads_is_ended(hostile: Bench) -> None:
    with pytest.raises(ItemFailure, match="512 threads") as failed:
        await _play(hostile, "many_threads")

    assert failed.value.failure_class is FailureClass.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("trick", "size"),
    [("many_files", {"files": 500}), ("deep_folders", {"levels": 100}), ("locked_folders", {})],
)
async def test_leftover_files_in_the_folder_are_removed(
    hostile: Bench, trick: str, size: dict[str, int]
) -> None:
    run = await _play(hostile, trick, stay=False, **size)
    (child,) = hostile.pool.pids
    family, own = engine_folder(child), private_folder(child)

    assert run.report.pages_ok == 1
    assert sorted(path.name for path in own.rglob("*")) == ["documents", "output", "temporary"]
    await hostile.pool.close()
    assert leftovers([family]) == []


async def test_resource_limits_are_hard(hostile: Bench) -> None:
    await _play(hostile, "scribble")
    (child,) = hostile.pool.pids
    lines = Path(f"/proc/{child}/limits").read_text(encoding="ascii").splitlines()[1:]
    limits = {line[:25].strip(): line[25:].split()[:2] for line in lines}

    for name, most in (
        ("Max address space", SMALL.memory_bytes),
        ("Max file size", SMALL.output_bytes),
        ("Max open files", 256),
        ("Max core file size", 0),
    ):
        assert limits[name] == [str(most)] * 2


async def test_task_with_other_limits_gets_another_process(hostile: Bench) -> None:
    await _play(hostile, "scribble")
    first = hostile.pool.pids

    await hostile.parse_bytes("a.txt", '{"trick": "scribble"}', limits=Limits(seconds=30))

    assert hostile.pool.pids.isdisjoint(first)
