"""A listed file, opened for an engine: the bytes that were listed, or a reason why not."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from docmill.errors import NotFoundError, UnavailableError
from docmill.objects.base import ObjectStore
from docmill.sources.documents import OpenedDocument, changed, read_whole, vanished
from docmill.sources.names import readable


class ListedItem(Protocol):
    """What must be known of an item to read it; see `docmill.records.ledger.ClaimedItem`."""

    @property
    def sha256(self) -> str | None:
        """Of the bytes, when they were read before."""

    @property
    def source(self) -> dict[str, Any] | None:
        """The folder that the item was scanned from."""

    @property
    def source_path(self) -> bytes | None:
        """Its relative path in that folder; None for an upload."""

    @property
    def signature(self) -> str | None:
        """Its size and times when it was listed."""

    @property
    def object_key(self) -> str | None:
        """Where the bytes of an upload are."""


@asynccontextmanager
async def open_document(
    item: ListedItem, store: ObjectStore, scratch: Path
) -> AsyncIterator[OpenedDocument]:
    """Open the bytes of a listed file and hash them.

    A file of a folder is read in place. An upload is read where the store keeps it, or copied
    into ``scratch`` and removed afterwards.

    Args:
        item: a claimed item of the ledger.
        store: where uploads are kept.
        scratch: an existing folder of this item alone.

    Raises:
        ItemFailure: ``source_vanished``, ``source_changed``, ``empty``, or ``storage_error``.
        UnavailableError: the store is away, or the scratch folder is full.
    """
    if (document := await asyncio.to_thread(read_here, item, store)) is not None:
        yield document
        return
    assert item.object_key is not None
    if not item.object_key:
        raise vanished("The uploaded bytes were removed by retention.")
    copy = scratch / "document"
    try:
        await _download(store, item.object_key, copy)
        yield await asyncio.to_thread(_read_upload, item, copy)
    finally:
        await asyncio.to_thread(copy.unlink, missing_ok=True)


def read_here(item: ListedItem, store: ObjectStore) -> OpenedDocument | None:
    """Open the bytes of a listed file that lie on this machine; None when they lie elsewhere.

    It reads the whole file: call it in a thread.

    Raises:
        ItemFailure: as for `open_document`.
    """
    if item.source_path is not None:
        return _open_in_place(item)
    path = store.local_path(item.object_key) if item.object_key else None
    return None if path is None else _read_upload(item, path)


def _open_in_place(item: ListedItem) -> OpenedDocument:
    """Open a file of a folder, provided that it still lies inside and is as it was listed."""
    assert item.source is not None
    assert item.source_path is not None
    root = os.path.realpath(os.fsencode(item.source["folder"]))
    path = os.path.join(root, item.source_path)  # noqa: PTH118 - pathlib knows no bytes
    if not os.path.realpath(path).startswith(os.path.join(root, b"")):  # noqa: PTH118
        raise changed(f"{readable(item.source_path)} now leads out of its folder.")
    return read_whole(Path(os.fsdecode(path)), item.signature)


def _read_upload(item: ListedItem, path: Path) -> OpenedDocument:
    """Open an upload, provided that the store still has the bytes that were uploaded."""
    document = read_whole(path)
    if item.sha256 is not None and document.sha256 != item.sha256:
        raise changed("The store holds other bytes than those that were uploaded.")
    return document


async def _download(store: ObjectStore, key: str, target: Path) -> None:
    try:
        with target.open("wb") as file:
            async for data in store.stream(key):
                await asyncio.to_thread(file.write, data)
    except NotFoundError:
        raise vanished("The uploaded bytes are no longer in the store.") from None
    except OSError as error:
        raise UnavailableError(
            f"The worker's scratch folder cannot be used: {error.strerror}.",
            "Free space on the disk of the temporary folder; the batch goes on by itself.",
        ) from error
