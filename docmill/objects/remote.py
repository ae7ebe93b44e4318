"""The remote object store: a bucket of S3 (or of a compatible service), GCS or Azure."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError

from docmill.errors import NotFoundError, UnavailableError
from docmill.objects.base import CHUNK, check_key
from docmill.objects.buckets import UPLOAD_PARTS, detail, open_library_store

_UPLOADS = 8
"""Maximum parallel uploads of one call."""
_PROBE_KEY = "docmill-ping"


class RemoteStore:
    """Objects in a bucket, under the URL's prefix.

    Raises:
        UsageError: the URL or the provider's variables are incomplete or invalid.
    """

    def __init__(self, url: str) -> None:
        self._name = url.partition("?")[0]
        self._store = open_library_store(url)

    async def put_file(self, key: str, path: Path) -> None:
        """Upload the file, in parts if it is large; the local file is kept."""
        with self._converted_errors():
            await obstore.put_async(self._store, check_key(key), path, max_concurrency=UPLOAD_PARTS)

    async def put_files(self, files: Mapping[str, Path | bytes]) -> None:
        """Upload files in parallel; no upload is running any more on return or error."""
        free = asyncio.Semaphore(_UPLOADS)

        async def put(key: str, file: Path | bytes) -> None:
            async with free:
                if isinstance(file, bytes):
                    await self.put_bytes(key, file)
                else:
                    await self.put_file(key, file)

        uploads = [put(key, file) for key, file in files.items()]
        for error in await asyncio.gather(*uploads, return_exceptions=True):
            if error is not None:
                raise error

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Upload ``data``."""
        with self._converted_errors():
            await obstore.put_async(self._store, check_key(key), data, use_multipart=False)

    async def get_bytes(self, key: str) -> bytes:
        """Return the bytes of an object."""
        with self._converted_errors(key):
            answer = await obstore.get_async(self._store, check_key(key))
            return bytes(await answer.bytes_async())

    async def stream(self, key: str, chunk: int = CHUNK, *, start: int = 0) -> AsyncIterator[bytes]:
        """Stream an object."""
        with self._converted_errors(key):
            options: obstore.GetOptions = {"range": {"offset": start}} if start else {}
            answer = await obstore.get_async(self._store, check_key(key), options=options)
            async for data in answer.stream(min_chunk_size=chunk):
                yield bytes(data)

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None."""
        try:
            with self._converted_errors(key):
                meta = await obstore.head_async(self._store, check_key(key))
        except NotFoundError:
            return None
        return meta["size"]

    async def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        try:
            with self._converted_errors(key):
                await obstore.delete_async(self._store, check_key(key))
        except NotFoundError:
            return

    async def delete_below(self, prefix: str) -> None:
        """Delete all objects below a prefix."""
        with self._converted_errors():
            async for found in obstore.list(self._store, check_key(prefix)):
                await obstore.delete_async(self._store, [meta["path"] for meta in found])

    def close(self) -> None:
        """Do nothing: the store has no temporary files."""

    def local_path(self, key: str) -> None:
        """Return None: objects have no local path."""
        check_key(key)

    async def ping(self) -> None:
        """Write a small object: a read would not detect a missing bucket."""
        await self.put_bytes(_PROBE_KEY, b"1")

    @contextmanager
    def _converted_errors(self, key: str | None = None) -> Iterator[None]:
        """Convert errors of the library; ``key`` is the object that must exist."""
        try:
            yield
        except (BaseError, OSError) as error:
            if key is not None and isinstance(error, FileNotFoundError):
                raise NotFoundError(f"The object {key} is not in the store.") from None
            raise UnavailableError(
                f"The object store {self._name} returned an error: {detail(error)}",
                "Check the address, the credentials and the bucket; batches then continue.",
            ) from None
