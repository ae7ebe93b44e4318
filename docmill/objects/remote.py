"""Objects in a bucket: S3 and what speaks its protocol, GCS, Azure."""

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
"""Short: a store that is away longer is Temporal's to wait for, visibly and without end."""
_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(minutes=5),
    # Plain HTTP is only ever spoken to an endpoint that the operator wrote as http://.
    "allow_http": True,
}
_UPLOADS = 8
"""Files of one call that are uploaded at the same time."""
_UPLOAD_PARTS = 4
"""Parts of 5 MiB in memory at the same time, for each file that is being uploaded."""
_PROBE_KEY = "docmill-ping"
_SECRET = re.compile(r"\?\S+|(?i:bearer|signature|sig|key|token)(?:[=:]\s*| )\S+")


class RemoteStore:
    """Objects in a bucket, under the URL's prefix.

    Raises:
        UsageError: the URL or the provider's variables are not enough to address the store.
    """

    def __init__(self, url: str) -> None:
        self._name = url.partition("?")[0]
        try:
            self._store = from_url(url, retry_config=_RETRY, client_options=_CLIENT)
        except (BaseError, ValueError) as error:
            raise UsageError(
                f"The object store {self._name} cannot be addressed: {_detail(error)}",
                "Check DOCMILL_STORE_URL and the provider's variables (AWS_*, GOOGLE_*, AZURE_*).",
            ) from None

    async def put_file(self, key: str, path: Path) -> None:
        """Upload the file, in parts when it is large; it stays where it is."""
        with self._explained():
            await obstore.put_async(
                self._store, check_key(key), path, max_concurrency=_UPLOAD_PARTS
            )

    async def put_files(self, files: Mapping[str, Path]) -> None:
        """Upload files, several at a time; none is on its way any more when this ends."""
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
        with self._explained():
            await obstore.put_async(self._store, check_key(key), data, use_multipart=False)

    async def get_bytes(self, key: str) -> bytes:
        """Return a whole object."""
        with self._explained(key):
            answer = await obstore.get_async(self._store, check_key(key))
            return bytes(await answer.bytes_async())

    async def stream(self, key: str, chunk: int = CHUNK, *, start: int = 0) -> AsyncIterator[bytes]:
        """Return an object in pieces."""
        with self._explained(key):
            options: obstore.GetOptions = {"range": {"offset": start}} if start else {}
            answer = await obstore.get_async(self._store, check_key(key), options=options)
            async for data in answer.stream(min_chunk_size=chunk):
                yield bytes(data)

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes, or None."""
        try:
            with self._explained(key):
                meta = await obstore.head_async(self._store, check_key(key))
        except NotFoundError:
            return None
        return meta["size"]

    async def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        try:
            with self._explained(key):
                await obstore.delete_async(self._store, check_key(key))
        except NotFoundError:
            return

    async def delete_below(self, prefix: str) -> None:
        """Remove every object below a prefix."""
        with self._explained():
            async for found in obstore.list(self._store, check_key(prefix)):
                await obstore.delete_async(self._store, [meta["path"] for meta in found])

    def close(self) -> None:
        """Nothing here is held open."""

    def local_path(self, key: str) -> None:
        """Nothing here lies on this machine."""
        check_key(key)

    async def ping(self) -> None:
        """Write a small object: a missing bucket would answer a read like a missing object."""
        await self.put_bytes(_PROBE_KEY, b"1")

    @contextmanager
    def _explained(self, key: str | None = None) -> Iterator[None]:
        """Turn the library's errors into ours; ``key`` is the object that must exist."""
        try:
            yield
        except (BaseError, OSError) as error:
            if key is not None and isinstance(error, FileNotFoundError):
                raise NotFoundError(f"The object {key} is not in the store.") from None
            raise UnavailableError(
                f"The object store {self._name} does not answer as it should: {_detail(error)}",
                "Check the address, the credentials and the bucket; work goes on when it is back.",
            ) from None


def _detail(error: Exception) -> str:
    """The first line of an error, without anything that may be a credential."""
    text = str(error).strip()
    return _SECRET.sub("…", text.splitlines()[0])[:300] if text else type(error).__name__
