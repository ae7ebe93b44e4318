"""The contract of every object store."""

import hashlib
import os
from pathlib import Path

import pytest

from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore

KEY = "results/prj-1/ab/document.md"


async def collect(store: ObjectStore, key: str, chunk: int) -> bytes:
    return b"".join([piece async for piece in store.stream(key, chunk)])


async def test_stored_bytes_are_read_unchanged(store: ObjectStore) -> None:
    await store.put_bytes(KEY, b"\x00hello\xff")
    assert await store.get_bytes(KEY) == b"\x00hello\xff"
    assert await store.size(KEY) == 7


@pytest.mark.parametrize("size", [0, 1, 11 * 1024 * 1024])
async def test_downloaded_file_equals_the_upload(
    store: ObjectStore, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(data)
    await store.put_file(KEY, source)
    assert await store.size(KEY) == size
    streamed = await collect(store, KEY, 1024 * 1024)
    assert hashlib.sha256(streamed).digest() == hashlib.sha256(data).digest()


async def test_one_call_stores_several_files(store: ObjectStore, tmp_path: Path) -> None:
    keys = [f"many/{number % 2}/{number}" for number in range(20)]
    files = {key: tmp_path / str(number) for number, key in enumerate(keys)}
    for key, path in files.items():
        path.write_text(key)
    await store.put_files(files)
    assert [await store.get_bytes(key) for key in keys] == [key.encode() for key in keys]


async def test_second_put_replaces_the_first(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"second")
    await store.put_bytes(KEY, b"the first, longer")
    await store.put_file(KEY, source)
    assert await store.get_bytes(KEY) == b"second"


async def test_missing_object_is_not_found(store: ObjectStore) -> None:
    assert await store.size(KEY) is None
    with pytest.raises(NotFoundError, match=KEY):
        await store.get_bytes(KEY)
    with pytest.raises(NotFoundError, match=KEY):
        await collect(store, KEY, 1024)


async def test_prefix_of_keys_is_not_an_object(store: ObjectStore) -> None:
    await store.put_bytes(KEY, b"x")
    assert await store.size("results/prj-1") is None
    with pytest.raises(NotFoundError):
        await store.get_bytes("results/prj-1")


async def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    await store.put_bytes(KEY, b"x")
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.size(KEY) is None


async def test_deleting_a_prefix_deletes_only_objects_below_it(store: ObjectStore) -> None:
    kept, gone = ("a/1x", "a/10/x", "b"), ("a/1/x", "a/1/y/z")
    for key in (*kept, *gone):
        await store.put_bytes(key, b"x")
    await store.delete_below("a/1")
    await store.delete_below("a/1")
    assert [await store.size(key) for key in gone] == [None, None]
    assert [await store.size(key) for key in kept] == [1, 1, 1]


async def test_working_store_answers_a_ping(store: ObjectStore) -> None:
    await store.ping()


async def test_only_a_local_store_has_local_paths(store: ObjectStore) -> None:
    await store.put_bytes(KEY, b"here")
    path = store.local_path(KEY)
    assert path is None or path.read_bytes() == b"here"


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a\\b", "a\nb", "é", "a" * 2000],
)
async def test_object_key_outside_the_store_is_rejected(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        await store.put_bytes(key, b"x")
    with pytest.raises(ValueError, match="not an object key"):
        store.local_path(key)
