"""The protocol of object stores, and the check of object keys."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

CHUNK = 1024 * 1024
"""Default chunk size of a stream, in bytes."""

_MAX_KEY = 1024
"""Maximum key size of S3, in bytes."""
_SEGMENT = re.compile(r"[A-Za-z0-9_~+=@,()-][A-Za-z0-9_~+=@,() .-]{0,239}")


class ObjectStore(Protocol):
    """Bytes by key. Writes are atomic and durable: an object is complete and survives a power cut.

    Every method raises `UnavailableError` if the store cannot be reached, is full or denies access,
    and `ValueError` for a key that `check_key` rejects.
    """

    async def put_file(self, key: str, path: Path) -> None:
        """Store the file at ``path`` under ``key``, replacing an existing object.

        The file may be moved into the store: do not use it afterwards.
        """
        ...

    async def put_files(self, files: Mapping[str, Path | bytes]) -> None:
        """Store several files or bytes by key, as `put_file` does; on return all are stored.

        After an error any of them may be stored.
        """
        ...

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, replacing an existing object."""
        ...

    async def get_bytes(self, key: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            NotFoundError: it does not exist.
        """
        ...

    def stream(self, key: str, chunk: int = CHUNK, *, start: int = 0) -> AsyncIterator[bytes]:
        """Stream an object from byte ``start`` in chunks of about ``chunk`` bytes.

        Raises:
            NotFoundError: it does not exist; raised by the first iteration.
        """
        ...

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None if it does not exist."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; a missing object is no error."""
        ...

    async def delete_below(self, prefix: str) -> None:
        """Delete all objects whose key begins with ``prefix`` and a slash; none is no error."""
        ...

    def close(self) -> None:
        """Remove temporary files; the store is not used afterwards."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return the path of an object in a local store, or None for other stores.

        The file must not be modified, and it may not exist.
        """
        ...

    async def ping(self) -> None:
        """Check that the store can be written to now."""
        ...


def check_key(key: str) -> str:
    """Return ``key`` if all stores accept it: plain segments, none hidden, no ``..``.

    Raises:
        ValueError: the key is invalid, which is a bug: keys do not come from users.
    """
    if len(key) > _MAX_KEY or not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"not an object key: {key[:200]!r}")
    return key
