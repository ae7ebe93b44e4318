"""Local stores: crashes, full disks, other file systems, unwritable folders."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from docmill.errors import NotFoundError, UnavailableError, UsageError
from docmill.objects.local import LocalStore
from docmill.objects.open import open_store
from docmill.objects.staging import PREFIX, Staging, sweep
from tests.fixtures.ordinary_user import ordinary_user

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def run_child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from docmill.errors import UnavailableError
from docmill.objects.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    asyncio.run(store.put_bytes("a/b", b"x" * 100_000))
except UnavailableError as error:
    print(error.message, "|", error.hint)
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from docmill.objects.staging import Staging
staged = Staging(Path(sys.argv[1])).fresh()
staged.write_bytes(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.integration
def test_full_disk_leaves_the_old_object_and_no_temporary_file(tmp_path: Path) -> None:
    asyncio.run(LocalStore(tmp_path).put_bytes("a/b", b"old"))
    child = run_child(FULL_DISK, str(tmp_path))
    assert "cannot be used" in child.stdout, child.stderr
    assert "free space" in child.stdout
    assert (tmp_path / "a/b").read_bytes() == b"old"
    assert names(tmp_path) == ["b"]


def test_files_of_one_folder_share_one_sync_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    asyncio.run(store.put_bytes("a/first", b"x"))
    files = {f"a/{number}": tmp_path / str(number) for number in range(5)}
    for path in files.values():
        path.write_bytes(b"x")
    synced: list[int] = []
    fsync = os.fsync

    def count(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    asyncio.run(store.put_files(files))
    assert len(synced) == len(files) + 1


def test_bytes_are_synced_before_a_file_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    asyncio.run(store.put_bytes("a/first", b"x"))
    files = {f"a/{number}": tmp_path / str(number) for number in range(70)}
    for path in files.values():
        path.write_bytes(b"x")
    named_at: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        named_at.append(len(names(tmp_path / "store" / "a")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    asyncio.run(store.put_files(files))
    assert named_at == [1] * 70 + [71]


@pytest.mark.integration
def test_staging_of_a_killed_process_is_removed_when_the_store_opens(tmp_path: Path) -> None:
    run_child(KILLED, str(tmp_path))
    assert len(names(tmp_path)) == 1
    LocalStore(tmp_path)
    assert not list(tmp_path.iterdir())


def test_sweep_leaves_the_staging_folder_of_a_running_process(tmp_path: Path) -> None:
    living, other = Staging(tmp_path), Staging(tmp_path)
    staged = living.fresh()
    staged.write_bytes(b"half")
    other.fresh()
    sweep(tmp_path)
    assert staged.read_bytes() == b"half"
    living.close()
    other.close()
    assert not list(tmp_path.glob(f"{PREFIX}*"))


def test_closed_store_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    asyncio.run(store.put_bytes("a", b"x"))
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_staging_folder_is_recreated_when_it_was_deleted(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.fresh().parent.rmdir()
    staging.fresh().write_bytes(b"works")
    staging.close()


async def test_file_from_another_file_system_is_copied(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is not a file system of its own here")
    source = elsewhere / f"docmill-{os.getpid()}"
    source.write_bytes(b"travelled")
    try:
        store = LocalStore(tmp_path)
        await store.put_file("a", source)
        assert await store.get_bytes("a") == b"travelled"
    finally:
        source.unlink()


async def test_link_in_place_of_a_result_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link = tmp_path / "result.json"
    link.symlink_to(secret)
    store = LocalStore(tmp_path / "objects")
    with pytest.raises(UnavailableError):
        await store.put_file("a", link)
    assert await store.size("a") is None


async def test_open_reader_keeps_the_replaced_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    await store.put_bytes("a", b"old-old-")
    stream = store.stream("a", 4)
    assert await anext(stream) == b"old-"
    await store.put_bytes("a", b"new")
    assert await anext(stream) == b"old-"
    assert await store.get_bytes("a") == b"new"


async def test_unwritable_store_is_unavailable() -> None:
    with ordinary_user() as folder:
        store = LocalStore(folder / "objects")
        (folder / "objects").chmod(0o500)
        for attempt in (store.ping(), store.put_bytes("a", b"x")):
            with pytest.raises(UnavailableError, match="Permission denied"):
                await attempt
        (folder / "objects").chmod(0o700)
        await store.ping()


async def test_store_without_its_root_rejects_writes_and_reads_as_empty(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path / "objects")
    (tmp_path / "objects").rmdir()
    with pytest.raises(UnavailableError):
        await store.ping()
    with pytest.raises(NotFoundError):
        await store.get_bytes("a")


def test_store_root_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    LocalStore(tmp_path / "objects")
    assert (tmp_path / "objects").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["ftp://x/y", "s3://", "objects", "file://host/x", "http://x/y"])
def test_unknown_kind_of_store_is_rejected_with_the_known_kinds(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_store(url)
    assert "s3://bucket/prefix" in refused.value.hint


def test_absolute_path_is_a_local_store(tmp_path: Path) -> None:
    assert open_store(str(tmp_path)).local_path("a/b") == tmp_path / "a/b"
