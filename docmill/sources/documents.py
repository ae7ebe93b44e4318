"""Documents of a batch, from a folder, a bucket or an upload: hashed, and checked for changes."""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from docmill.errors import (
    ConflictError,
    FailureClass,
    ItemFailure,
    NotFoundError,
    Retry,
    UnavailableError,
    UsageError,
)
from docmill.objects.base import CHUNK, ObjectStore
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
from docmill.sources.walk import display_path, signature_of

KEPT_BYTES = 256 * 1024
"""Maximum size of a document whose bytes stay in memory for its engine. A group has at most 64."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
# Without O_NONBLOCK, opening a pipe that replaced the file would block forever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags of folders; O_PATH (Linux) needs no permission to list them."""


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document whose bytes were read once.

    Attributes:
        path: a local file, read only.
        sha256: of its bytes.
        size: bytes.
        status: the file's status when it was read.
        content: the bytes of a small document; None for others.
    """

    path: Path
    sha256: str
    size: int
    status: os.stat_result
    content: bytes | None = None

    async def verify_unchanged(self) -> None:
        """Check that the file is still the one that was hashed. Call it after the engine ran.

        Raises:
            ItemFailure: ``source_vanished`` or ``source_changed``.
        """
        await asyncio.to_thread(self.check_unchanged)

    def check_unchanged(self) -> None:
        """Like `verify_unchanged`, but synchronous."""
        try:
            now = self.path.stat(follow_symlinks=False)
        except OSError as error:
            raise _failure_of(error) from None
        if not os.path.samestat(now, self.status) or signature_of(now) != signature_of(self.status):
            raise changed("The file changed while it was being read.")


def read_whole(
    path: Path, signature: str | None = None, *, root: bytes | None = None
) -> OpenedDocument:
    """Read and hash a regular file. Symlinks are not followed.

    Args:
        path: the file.
        signature: its `signature_of` when it was listed; None if unknown.
        root: a folder above it, below which no part of the path may be a symlink.

    Raises:
        ItemFailure: ``source_vanished``, ``source_changed``, ``empty`` or ``storage_error``.
    """
    try:
        descriptor = _open(os.fsencode(path), root)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise changed("The file is no longer a regular file.")
            if signature not in (None, signature_of(status)):
                raise changed()
            if status.st_size == 0:
                raise ItemFailure(FailureClass.EMPTY, phase="read")
            digest = hashlib.sha256()
            kept = []
            while data := file.read(CHUNK):
                digest.update(data)
                if status.st_size <= KEPT_BYTES:
                    kept.append(data)
            after = os.fstat(descriptor)
    except OSError as error:
        raise _failure_of(error) from None
    if signature_of(after) != signature_of(status):
        raise changed("The file changed while it was being read.")
    content = b"".join(kept) or None
    return OpenedDocument(path, digest.hexdigest(), status.st_size, status, content)


def _open(path: bytes, root: bytes | None) -> int:
    """Open a file. Each folder below ``root`` is opened in the one above it.

    So a folder that a link replaces after any check of the path leads nowhere.
    """
    if root is None:
        return os.open(path, _FILE)
    *folders, name = path[len(root) :].lstrip(b"/").split(b"/")
    folder = os.open(root, _FOLDER)
    try:
        for part in folders:
            above, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
            os.close(above)
        return os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _failure_of(error: OSError) -> ItemFailure:
    """Return the failure that a system error means for one file."""
    if error.errno in _GONE:
        return vanished()
    if error.errno == errno.ELOOP:
        return changed("A symlink has replaced the file.")
    return ItemFailure(
        FailureClass.STORAGE_ERROR,
        f"The file cannot be read: {error.strerror}.",
        phase="read",
        # A missing permission of one file must not block the batch forever.
        retry=Retry.NEVER if error.errno in _REFUSED else None,
    )


def vanished(message: str = "") -> ItemFailure:
    """Return the failure of a file that no longer exists."""
    return ItemFailure(FailureClass.SOURCE_VANISHED, message, phase="read")


def changed(message: str = "") -> ItemFailure:
    """Return the failure of a file that differs from the listed one."""
    return ItemFailure(FailureClass.SOURCE_CHANGED, message, phase="read")


class ListedItem(Protocol):
    """The fields of an item that locate its bytes; see `docmill.records.ledger.ClaimedItem`."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the bytes, if they were read before."""

    @property
    def source(self) -> dict[str, Any] | None:
        """The folder or bucket that the item was scanned from."""

    @property
    def source_path(self) -> bytes | None:
        """Its relative path there; None for an upload."""

    @property
    def signature(self) -> str | None:
        """Its size with its times or its ETag when it was listed."""

    @property
    def object_key(self) -> str | None:
        """Object key of an upload."""


@asynccontextmanager
async def open_document(
    item: ListedItem, store: ObjectStore, scratch: Path
) -> AsyncIterator[OpenedDocument]:
    """Open and hash the document of a listed item.

    A file of a folder is read in place, and so is an upload in a local store. An object of a bucket
    and an upload in another store are downloaded into ``scratch`` and deleted afterwards.

    Args:
        item: a claimed item of the ledger.
        store: the object store of uploads.
        scratch: an existing folder for this item alone.

    Raises:
        ItemFailure: ``source_vanished``, ``source_changed``, ``empty``, or ``storage_error``.
        UnavailableError: the store or the bucket is unavailable, or the scratch folder is full.
    """
    if (document := await asyncio.to_thread(open_local, item, store)) is not None:
        yield document
        return
    copy = scratch / "document"
    try:
        if item.source_path is not None:
            await _download_object(item, copy)
            yield await asyncio.to_thread(read_whole, copy)
        else:
            await _download_upload(item, store, copy)
            yield await asyncio.to_thread(_read_upload, item, copy)
    finally:
        await asyncio.to_thread(copy.unlink, missing_ok=True)


def open_local(item: ListedItem, store: ObjectStore) -> OpenedDocument | None:
    """Open and hash the document of an item if it is a local file, else return None.

    It reads the whole file: call it in a thread.

    Raises:
        ItemFailure: as for `open_document`.
    """
    if not is_local(item, store):
        return None
    if item.source_path is not None:
        return _open_in_place(item)
    return _read_upload(item, Path(str(store.local_path(str(item.object_key)))))


def is_local(item: ListedItem, store: ObjectStore) -> bool:
    """Return whether the document of an item is a file of this machine."""
    if item.source_path is not None:
        return item.source is not None and "folder" in item.source
    return bool(item.object_key) and store.local_path(str(item.object_key)) is not None


def _open_in_place(item: ListedItem) -> OpenedDocument:
    """Open a file of a folder, if it is still inside the folder and unchanged."""
    assert item.source is not None
    assert item.source_path is not None
    root = os.path.realpath(os.fsencode(item.source["folder"]))
    path = os.path.join(root, item.source_path)  # noqa: PTH118 - pathlib knows no bytes
    if not os.path.realpath(path).startswith(os.path.join(root, b"")):  # noqa: PTH118
        raise changed(f"{display_path(item.source_path)} now leads out of its folder.")
    return read_whole(Path(os.fsdecode(path)), item.signature, root=root)


def _read_upload(item: ListedItem, path: Path) -> OpenedDocument:
    """Open an upload, if the store still has the uploaded bytes."""
    document = read_whole(path)
    if item.sha256 is not None and document.sha256 != item.sha256:
        raise changed("The store holds other bytes than those that were uploaded.")
    return document


async def _download_object(item: ListedItem, target: Path) -> None:
    """Download an object of a bucket, if it still is the listed one."""
    assert item.source is not None
    assert item.source_path is not None
    assert item.signature is not None
    bucket = open_bucket(BucketUrl.parse(item.source["bucket"]))
    try:
        with _writing_to_scratch():
            await bucket.download(item.source_path.decode(), item.signature, target)
    except NotFoundError as error:
        raise vanished(error.message) from None
    except ConflictError as error:
        raise changed(error.message) from None
    except UsageError as error:
        # A missing permission of one object must not block the batch forever.
        raise ItemFailure(
            FailureClass.STORAGE_ERROR,
            f"{error.message} {error.hint}",
            phase="read",
            retry=Retry.NEVER,
        ) from None


async def _download_upload(item: ListedItem, store: ObjectStore, target: Path) -> None:
    if not item.object_key:
        raise vanished("The uploaded bytes were removed by retention.")
    try:
        with _writing_to_scratch(), target.open("wb") as file:
            async for data in store.stream(item.object_key):
                await asyncio.to_thread(file.write, data)
    except NotFoundError:
        raise vanished("The uploaded bytes are no longer in the store.") from None


@contextmanager
def _writing_to_scratch() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"The worker's scratch folder cannot be used: {error.strerror}.",
            "Free space on the disk of the temporary folder; the batch then continues by itself.",
        ) from error
