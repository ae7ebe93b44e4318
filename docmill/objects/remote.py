"""The remote object store: a bucket of S3 (or of a compatible service), GCS or Azure."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from docmill.errors import NotFoundError, UnavailableError, UsageError
from docmill.objects.base import CHUNK, check_key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_RETRY: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=1),
        "base": 2,
    },
}
"""Short retries: if a store is unavailable for longer, Temporal retries the activity."""
_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(minutes=5),
    # Plain HTTP is used only for an endpoint that the operator configured as http://.
    "allow_http": True,
}
_UPLOADS = 8
"""Maximum parallel uploads of one call."""
_UPLOAD_PARTS = 4
"""Parts of 5 MiB in memory at the same time, for each upload."""
_PROBE_KEY = "docmill-ping"
_SECRET = re.compile(r"\?\S+|(?i:bearer|signature|sig|key|token)(?:[=:]\s*| )\S+")


class RemoteStore:
    """Objects in a bucket, under the URL's prefix.

    Raises:
        UsageError: the URL or the provider's variables are incomplete or invalid.
    """

    def __init__(self, url: str) -> None:
        self._name = url.partition("?")[0]
        try:
            self._store = from_url(url, retry_config=_RETRY, client_options=_CLIENT)
        except (BaseError, ValueError) as error:
            raise UsageError(
                f"The object store {self._name} cannot be opened: {_detail(error)}",
                "Check DOCMILL_STORE_URL and the provider's variables (AWS_*, GOOGLE_*, AZURE_*).",
            ) from None

    async def put_file(self, key: str, path: Path) -> None:
        """Upload the file, in parts if it is large; the local file is kept."""
        with self._converted_errors():
            await obstore.put_async(
                self._store, check_key(key), path, max_concurrency=_UPLOAD_PARTS
            )

    async def put_files(self, files: Mapping[str, Path]) -> None:
        """Upload files in parallel; no upload is running any more on return or error."""
        free = asyncio.Semaphore(_UPLOADS)

        async def put(key: str, path: Path) -> None:
            async with free:
                await self.put_file(key, path)

        uploads = [put(key, path) for key, path in files.items()]
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
                f"The object store {self._name} returned an error: {_detail(error)}",
                "Check the address, the credentials and the bucket; batches then continue.",
            ) from None


def _detail(error: Exception) -> str:
    """Return the first line of an error, without possible credentials."""
    text = str(error).strip()
    return _SECRET.sub("…", text.splitlines()[0])[:300] if text else type(error).__name__
