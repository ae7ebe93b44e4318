"""A listed file, opened for an engine: the bytes that were listed, or a reason why not."""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from docmill.errors import FailureClass, ItemFailure, NotFoundError, Retry, UnavailableError
from docmill.objects import ObjectStore
from docmill.objects.base import CHUNK
from docmill.sources.names import readable
from docmill.sources.walking import signature_of

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})


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


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A file whose bytes were read once.

    Attributes:
        path: a local file to read, never to write.
        sha256: of its bytes.
        size: bytes.
        status: what the file system said when it was read.
    """

    path: Path
    sha256: str
    size: int
    status: os.stat_result

    async def verify_unchanged(self) -> None:
        """Raise unless the file is still the one that was hashed: ask after the engine ran.

        Raises:
            ItemFailure: ``source_vanished`` or ``source_changed``.
        """
        await asyncio.to_thread(self._verify)

    def _verify(self) -> None:
        try:
            now = self.path.stat(follow_symlinks=False)
        except OSError as error:
            raise _failure(error) from None
        if not os.path.samestat(now, self.status) or signature_of(now) != signature_of(self.status):
            raise _changed("The file changed while it was being read.")


@asynccontextmanager
async def open_document(
    item: ListedItem, store: ObjectStore, scratch: Path
) -> AsyncIterator[OpenedDocument]:
    """Open the bytes of a listed file and hash them.

    A file of a folder is read in place. An upload is read where the store keeps it, or copied
    into ``scratch`` and removed afterwards.

    Args:
        scratch: an existing folder of this item alone.

    Raises:
        ItemFailure: ``source_vanished``, ``source_changed``, ``empty``, or ``storage_error``.
        UnavailableError: the store is away, or the scratch folder is full.
    """
    if item.source_path is not None:
        yield await asyncio.to_thread(_open_in_place, item)
        return
    if item.object_key is None:
        raise _vanished("The item names neither a file of a folder nor an upload.")
    copy = scratch / "document"
    try:
        yield await _open_upload(item, item.object_key, store, copy)
    except NotFoundError as error:
        raise _vanished(error.message) from None
    finally:
        await asyncio.to_thread(copy.unlink, missing_ok=True)


def _open_in_place(item: ListedItem) -> OpenedDocument:
    """Open a file of a folder, provided that it still lies inside and is as it was listed."""
    assert item.source is not None
    assert item.source_path is not None
    root = os.path.realpath(os.fsencode(item.source["folder"]))
    path = os.path.join(root, item.source_path)  # noqa: PTH118 - pathlib knows no bytes
    if not os.path.realpath(path).startswith(os.path.join(root, b"")):  # noqa: PTH118
        raise _changed(f"{readable(item.source_path)} now leads out of its folder.")
    document = _hashed(Path(os.fsdecode(path)))
    if item.signature is not None and signature_of(document.status) != item.signature:
        raise _changed()
    return document


async def _open_upload(
    item: ListedItem, key: str, store: ObjectStore, copy: Path
) -> OpenedDocument:
    """Open an upload, provided that the store still has the bytes that were uploaded."""
    path = store.local_path(key)
    if path is None:
        path = copy
        await _download(store, key, copy)
    elif await store.size(key) is None:
        raise _vanished("The uploaded bytes are no longer in the store.")
    document = await asyncio.to_thread(_hashed, path)
    if item.sha256 is not None and document.sha256 != item.sha256:
        raise _changed("The store holds other bytes than those that were uploaded.")
    return document


async def _download(store: ObjectStore, key: str, target: Path) -> None:
    try:
        with target.open("wb") as file:
            async for data in store.stream(key):
                await asyncio.to_thread(file.write, data)
    except OSError as error:
        raise UnavailableError(
            f"The worker's scratch folder cannot be used: {error.strerror}.",
            "Free space on the disk of the temporary folder; the batch goes on by itself.",
        ) from error


def _hashed(path: Path) -> OpenedDocument:
    """Read a regular file once, whole, and say what it was."""
    try:
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _changed("The file is no longer a regular file.")
            if status.st_size == 0:
                raise ItemFailure(FailureClass.EMPTY, phase="read")
            digest = hashlib.sha256()
            while data := file.read(CHUNK):
                digest.update(data)
            after = os.fstat(descriptor)
    except OSError as error:
        raise _failure(error) from None
    if signature_of(after) != signature_of(status):
        raise _changed("The file changed while it was being read.")
    return OpenedDocument(path, digest.hexdigest(), status.st_size, status)


def _failure(error: OSError) -> ItemFailure:
    """Say what the system's refusal means for one file."""
    if error.errno in _GONE:
        return _vanished()
    if error.errno == errno.ELOOP:
        return _changed("A symlink has taken the file's place.")
    return ItemFailure(
        FailureClass.STORAGE_ERROR,
        f"The file cannot be read: {error.strerror}.",
        phase="read",
        # One file's missing permission must not keep the batch waiting for ever.
        retry=Retry.NEVER if error.errno in _REFUSED else None,
    )


def _vanished(message: str = "") -> ItemFailure:
    return ItemFailure(FailureClass.SOURCE_VANISHED, message, phase="read")


def _changed(message: str = "") -> ItemFailure:
    return ItemFailure(FailureClass.SOURCE_CHANGED, message, phase="read")
