"""Files of the output folder: copies, hashes, and errors of the file system."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from docmill.errors import DocmillError, NotFoundError, UnavailableError, UsageError
from docmill.objects.base import CHUNK, ObjectStore
from docmill.objects.results import named_files

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})

_PIECE = 65_536


class DamagedError(DocmillError):
    """A file has other bytes than were written."""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Convert errors of the file system in the block.

    Raises:
        UsageError: the folder is not writable.
        UnavailableError: it cannot be written now: the disk is full or unavailable.
    """
    try:
        yield
    except OSError as error:
        sentence = f"Cannot write to {folder}: {error.strerror}."
        if error.errno in _REFUSED:
            raise UsageError(
                sentence, "Choose another --out, or change its permissions."
            ) from error
        raise UnavailableError(
            sentence, "Free space, then run the same command again: it continues where it stopped."
        ) from error


def fetch(store: ObjectStore, key: str, target: Path, loop: asyncio.AbstractEventLoop) -> str:
    """Copy an object to the new file ``target`` and return its SHA-256; call it in a thread.

    It never creates a link: an edit of an output file must not change the stored result. The thread
    must not be one of the loop's own, of which a download needs another.

    Args:
        store: the object store.
        key: of the object.
        target: in an existing folder.
        loop: the running event loop, for a remote store.

    Raises:
        NotFoundError: the store has no such object.
    """
    source = store.local_path(key)
    if source is None:
        return asyncio.run_coroutine_threadsafe(_download(store, key, target), loop).result()
    if source.is_symlink() or not source.is_file():
        raise NotFoundError(f"The object {key} is not in the store.")
    return _copy(source, target)


async def _download(store: ObjectStore, key: str, target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        async for data in store.stream(key):
            digest.update(data)
            await asyncio.to_thread(file.write, data)
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    # Only the reader is unbuffered: an unbuffered write may be incomplete without an error.
    with source.open("rb", buffering=0) as reader, target.open("xb") as writer:
        while data := reader.read(CHUNK):
            digest.update(data)
            writer.write(data)
    return digest.hexdigest()


def hash_of(path: Path | str) -> str | None:
    """Return the SHA-256 of a file, or None if it is not a readable regular file."""
    digest = hashlib.sha256()
    try:
        for data in _read(path):
            digest.update(data)
    except OSError:
        return None
    return digest.hexdigest()


def bytes_of(path: Path | str) -> bytes | None:
    """Return the bytes of a file, or None if it is not a readable regular file."""
    try:
        return b"".join(_read(path))
    except OSError:
        return None


def _read(path: Path | str) -> Iterator[bytes]:
    """Yield a file in pieces; for a small one in a third of the time that a file object takes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while data := os.read(descriptor, _PIECE):
            yield data
    finally:
        os.close(descriptor)


def files_of_result(result: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a ``result.json`` names.

    Raises:
        DamagedError: it is not a result, or a file name in it is invalid.
    """
    try:
        return named_files(result.read_bytes())
    except ValidationError:
        raise DamagedError(f"{result.name} is not a result of Docmill.") from None
    except ValueError:
        raise DamagedError(f"{result.name} names invalid files.") from None
