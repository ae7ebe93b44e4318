"""The protocol of object stores, and which keys it takes."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

CHUNK = 1024 * 1024
"""Bytes that a stream hands out at a time, unless its reader asks otherwise."""

_MAX_KEY = 1024
"""S3's bound on a key, in bytes."""
_SEGMENT = re.compile(r"[A-Za-z0-9_~+=@,()-][A-Za-z0-9_~+=@,() .-]{0,239}")


class ObjectStore(Protocol):
    """Named bytes. An object is there whole or not at all, and survives a power cut.

    Every method raises `UnavailableError` when the store cannot be reached, is full or refuses
    access, and `ValueError` for a key that `check_key` refuses.
    """

    async def put_file(self, key: str, path: Path) -> None:
        """Store the file at ``path`` under ``key``, replacing what was there.

        The file may be moved into the store: do not use it afterwards.
        """
        ...

    async def put_files(self, files: Mapping[str, Path]) -> None:
        """Store several files by key, as `put_file` does with one; on return all are there.

        An error leaves any of them stored.
        """
        ...

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, replacing what was there."""
        ...

    async def get_bytes(self, key: str) -> bytes:
        """Return a whole object.

        Raises:
            NotFoundError: there is none.
        """
        ...

    def stream(self, key: str, chunk: int = CHUNK, *, start: int = 0) -> AsyncIterator[bytes]:
        """Return an object from byte ``start`` on in pieces of about ``chunk`` bytes.

        Raises:
            NotFoundError: there is none; raised by the first step.
        """
        ...

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None when there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        ...

    async def delete_below(self, prefix: str) -> None:
        """Remove every object whose key begins with ``prefix`` and a slash; none is no error."""
        ...

    def close(self) -> None:
        """Leave nothing temporary behind; the store is not used afterwards."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where an object lies on this machine, or None for a store elsewhere.

        The file is only to be read, and may not exist.
        """
        ...

    async def ping(self) -> None:
        """Raise unless the store can be written to now."""
        ...


def check_key(key: str) -> str:
    """Return ``key`` if every store can hold it: plain segments, none hidden, no way upwards.

    Raises:
        ValueError: it is not such a key. Keys are made by us, so this is a bug, not an input.
    """
    if len(key) > _MAX_KEY or not all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"not an object key: {key[:200]!r}")
    return key
