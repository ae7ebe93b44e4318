"""Opening listed files: the listed bytes, or a typed failure."""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docmill.errors import FailureClass, ItemFailure, Retry, UnavailableError
from docmill.objects.local import LocalStore
from docmill.objects.open import open_store
from docmill.sources.documents import OpenedDocument, open_document
from docmill.sources.folder import FolderSource
from tests.fixtures.ordinary_user import ordinary_user


@dataclass(frozen=True)
class Item:
    sha256: str | None = None
    source: dict[str, Any] | None = None
    source_path: bytes | None = None
    signature: str | None = None
    object_key: str | None = None


def item_of(folder: Path, name: str = "a.txt") -> Item:
    source = FolderSource.resolve(folder)
    (entry,) = [entry for chunk in source.scan() for entry in chunk if entry.unique_id == name]
    return Item(source=source.as_json(), source_path=entry.raw_path, signature=entry.signature)


def opened(item: Item, tmp_path: Path) -> AbstractAsyncContextManager[OpenedDocument]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return open_document(item, LocalStore(tmp_path / "objects"), scratch)


async def failure_of(item: Item, tmp_path: Path) -> ItemFailure:
    with pytest.raises(ItemFailure) as failed:
        async with opened(item, tmp_path):
            pass
    assert failed.value.phase == "read"
    return failed.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"hello")
    return folder


async def test_file_is_read_in_place_and_hashed(folder: Path, tmp_path: Path) -> None:
    async with opened(item_of(folder), tmp_path) as document:
        assert document.path == folder / "a.txt"
        assert document.size == 5
        assert document.sha256 == hashlib.sha256(b"hello").hexdigest()
        await document.verify_unchanged()


async def test_file_with_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / os.fsdecode(b"a\xff.txt")).write_bytes(b"hello")
    source = FolderSource.resolve(folder)
    ((entry,),) = source.scan()
    item = Item(source=source.as_json(), source_path=entry.raw_path, signature=entry.signature)
    async with opened(item, tmp_path) as document:
        assert document.path.read_bytes() == b"hello"


async def test_vanished_file_is_reported(folder: Path, tmp_path: Path) -> None:
    item = item_of(folder)
    (folder / "a.txt").unlink()
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_VANISHED


async def test_file_whose_folder_became_a_file_is_reported_as_vanished(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a.txt").write_text("x")
    item = item_of(folder, "sub/a.txt")
    (folder / "sub/a.txt").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").write_text("x")
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_VANISHED


@pytest.mark.parametrize("content", [b"other", b"longer than before", b""])
async def test_file_changed_since_the_listing_is_reported(
    folder: Path, tmp_path: Path, content: bytes
) -> None:
    item = item_of(folder)
    (folder / "a.txt").write_bytes(content)
    os.utime(folder / "a.txt", (1, 1))
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_CHANGED


def change(file: Path) -> None:
    file.write_bytes(b"jello")
    os.utime(file, (1, 1))


def move(file: Path) -> None:
    file.rename(file.with_name("b.txt"))


@pytest.mark.parametrize(
    ("harm", "expected"),
    [(change, FailureClass.SOURCE_CHANGED), (move, FailureClass.SOURCE_VANISHED)],
)
async def test_file_that_changes_while_the_engine_runs_is_reported(
    folder: Path, tmp_path: Path, harm: Callable[[Path], None], expected: FailureClass
) -> None:
    async with opened(item_of(folder), tmp_path) as document:
        harm(folder / "a.txt")
        with pytest.raises(ItemFailure) as failed:
            await document.verify_unchanged()
    assert failed.value.failure_class is expected


async def test_link_or_pipe_in_place_of_a_listed_file_is_rejected(
    folder: Path, tmp_path: Path
) -> None:
    item = item_of(folder)
    (folder / "other.txt").write_text("hello")
    (folder / "a.txt").unlink()
    (folder / "a.txt").symlink_to(folder / "other.txt")
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_CHANGED
    (folder / "a.txt").unlink()
    os.mkfifo(folder / "a.txt")
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_CHANGED


async def test_folder_replaced_by_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.txt").write_text("secret")
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a.txt").write_text("secret")
    item = item_of(folder, "sub/a.txt")
    (folder / "sub/a.txt").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    failure = await failure_of(item, tmp_path)
    assert failure.failure_class is FailureClass.SOURCE_CHANGED
    assert "leads out" in failure.message


async def test_empty_file_is_reported(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.txt").touch()
    failure = await failure_of(item_of(folder, "empty.txt"), tmp_path)
    assert failure.failure_class is FailureClass.EMPTY


async def test_unreadable_file_fails_permanently_without_delaying_its_batch(
    tmp_path: Path,
) -> None:
    with ordinary_user() as folder:
        (folder / "a.txt").write_text("x")
        (folder / "a.txt").chmod(0)
        scratch = folder / "scratch"
        scratch.mkdir()
        with pytest.raises(ItemFailure) as failed:
            async with open_document(item_of(folder), LocalStore(folder / "objects"), scratch):
                pass
    assert failed.value.failure_class is FailureClass.STORAGE_ERROR
    assert failed.value.retry is Retry.NEVER


UPLOAD = "files/prj-1/one"


async def test_upload_is_read_in_place_from_a_local_store(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "objects")
    await store.put_bytes(UPLOAD, b"hello")
    sha256 = hashlib.sha256(b"hello").hexdigest()
    async with open_document(Item(object_key=UPLOAD, sha256=sha256), store, tmp_path) as document:
        assert document.path == store.local_path(UPLOAD)
    assert await store.get_bytes(UPLOAD) == b"hello"


async def test_upload_in_a_bucket_is_copied_and_cleaned_up(tmp_path: Path, s3_url: str) -> None:
    store = open_store(s3_url)
    await store.put_bytes(UPLOAD, b"hello")
    async with open_document(Item(object_key=UPLOAD), store, tmp_path) as document:
        assert document.path.read_bytes() == b"hello"
        assert document.sha256 == hashlib.sha256(b"hello").hexdigest()
        await document.verify_unchanged()
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnavailableError, match="scratch"):
        async with open_document(Item(object_key=UPLOAD), store, tmp_path / "gone"):
            pass


async def test_upload_missing_from_the_store_is_reported_as_vanished(
    tmp_path: Path, s3_url: str
) -> None:
    item = Item(object_key=UPLOAD)
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_VANISHED
    with pytest.raises(ItemFailure) as failed:
        async with open_document(item, open_store(s3_url), tmp_path):
            pass
    assert failed.value.failure_class is FailureClass.SOURCE_VANISHED


async def test_upload_with_other_bytes_than_uploaded_is_not_parsed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "objects")
    await store.put_bytes(UPLOAD, b"tampered")
    item = Item(object_key=UPLOAD, sha256=hashlib.sha256(b"hello").hexdigest())
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_CHANGED


async def test_error_of_the_caller_is_not_reported_as_an_error_of_the_file(
    folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        async with opened(item_of(folder), tmp_path):
            raise FileNotFoundError
