"""Documents of items: reading, hashing, fetching from URLs, and cache keys."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from docmill.errors import ItemFailure, UnavailableError
from docmill.ids import Prefix, derived_id
from docmill.objects.base import ObjectStore
from docmill.objects.documents import store_document
from docmill.outbound.fence import Fence
from docmill.outbound.fetch import Fetched, fetch
from docmill.processing.engines import ItemEngines
from docmill.processing.limits import item_timeout_seconds
from docmill.processing.results import item_cache_key
from docmill.records.database import Database
from docmill.records.files import record_fetched
from docmill.records.items import ClaimedItem, ReadBytes
from docmill.records.tables.sources import File
from docmill.settings import MIB, Settings
from docmill.sources.documents import OpenedDocument, is_local, open_document, open_local

READ_FIRST_BYTES = 16 * MIB
"""Maximum size of a local file that is read before its item is claimed. If a worker dies meanwhile,
a tenth of a second of work is lost, and no item is charged."""

_DOWNLOADS = 8
"""Concurrent downloads of small documents of one group."""


@dataclass(frozen=True, slots=True)
class Document:
    """An item's bytes, read and hashed.

    Attributes:
        opened: location of the bytes.
        cache_key: cache key of the item's result.
        read: facts for the lookup of a stored result; None if the job disables the cache.
    """

    opened: OpenedDocument
    cache_key: str
    read: ReadBytes | None


class ItemDocuments:
    """Reads documents of items."""

    def __init__(self, engines: ItemEngines, store: ObjectStore, settings: Settings) -> None:
        self._engines = engines
        self._store = store
        self._settings = settings

    def describe(self, item: ClaimedItem, opened: OpenedDocument) -> Document:
        """Return the document of an item whose bytes were read."""
        version = self._engines.version_of(item.job_type, item.engine, item.path)
        key = item_cache_key(item, opened.sha256, version)
        if item.parameters.get("disable_cache"):
            return Document(opened, key, None)  # the key is unique
        longest = item_timeout_seconds(item.engine, item.parameters, self._settings)
        return Document(opened, key, ReadBytes(opened.sha256, key, lease_seconds=longest))

    def may_read_first(self, item: ClaimedItem) -> bool:
        """Return whether an item's bytes are read before it is claimed.

        Not in a strict batch, which can reject a stored result only after the claim.
        """
        most = min(READ_FIRST_BYTES, self._settings.max_file_mb * MIB)
        return item.size <= most and not item.strict

    async def read_first(self, item: ClaimedItem) -> Document | None:
        """Read an item's bytes from this machine; None if that is impossible.

        Errors of the file are raised after the claim.
        """
        if not self.may_read_first(item):
            return None
        found = await asyncio.to_thread(self._read_here, [item])
        return found.get(item.position)

    async def read_several(
        self, items: Sequence[ClaimedItem], scratch: Path, stack: AsyncExitStack
    ) -> dict[int, Document]:
        """Read small items before they are claimed; items with errors are missing in the result.

        Args:
            items: items of one group.
            scratch: an existing folder of this group, for downloads.
            stack: closing it deletes the downloads.

        Raises:
            UnavailableError: the store is unavailable, or the scratch folder is full.
        """
        small = [item for item in items if self.may_read_first(item) and item.source_url is None]
        found = await asyncio.to_thread(self._read_here, small)
        gate = asyncio.Semaphore(_DOWNLOADS)

        async def fetch(item: ClaimedItem) -> None:
            folder = scratch / f"fetched-{item.position}"
            async with gate:
                await asyncio.to_thread(folder.mkdir)
                try:
                    opened = await stack.enter_async_context(
                        open_document(item, self._store, folder)
                    )
                except ItemFailure:
                    return
            found[item.position] = self.describe(item, opened)

        elsewhere = [item for item in small if not is_local(item, self._store)]
        await asyncio.gather(*map(fetch, elsewhere))
        return found

    def _read_here(self, items: Sequence[ClaimedItem]) -> dict[int, Document]:
        found = {}
        for item in items:
            try:
                opened = open_local(item, self._store)
            except ItemFailure:
                continue
            if opened is not None:
                found[item.position] = self.describe(item, opened)
        return found


class UrlDocuments:
    """Fetches documents from URLs."""

    def __init__(self, database: Database, store: ObjectStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._fence = Fence.allowing(settings.fence_allow)

    async def fetch_to_store(self, item: ClaimedItem, scratch: Path) -> ClaimedItem:
        """Store the bytes of an item with a URL, and return the updated item; others are unchanged.

        Args:
            item: the claimed item.
            scratch: an existing folder of this item.

        Raises:
            ItemFailure: ``source_unreachable``.
            OversizeError: the document is larger than the operator's limit.
            StaleItem: another attempt holds the item.
            UnavailableError: database or store is unavailable, or the scratch folder is full.
        """
        if item.source_url is None:
            return item
        path = scratch / "fetched"
        fetched = await self._fetch(item.source_url, item.http_proxy, path)
        file = await self._stored(item, fetched, path)
        async with self._database.write() as session:
            await record_fetched(session, item, file)
        await self._keep(item, fetched, path)
        return replace(item, object_key=file.object_key, size=file.size, sha256=file.sha256)

    async def _fetch(self, url: str, proxy: str | None, path: Path) -> Fetched:
        try:
            async with self._transport(proxy) as transport:
                return await fetch(
                    url,
                    path,
                    transport,
                    max_bytes=self._settings.max_file_mb * MIB,
                    seconds=self._settings.fetch_timeout_seconds,
                )
        except OSError as error:
            raise UnavailableError(
                f"The worker's scratch folder cannot be used: {error.strerror}.",
                "Free space on the disk of the temporary folder; the job continues by itself.",
            ) from error

    def _transport(self, proxy: str | None) -> httpx.AsyncBaseTransport:
        return self._fence.transport() if proxy is None else self._fence.proxied(proxy)

    async def _keep(self, item: ClaimedItem, fetched: Fetched, path: Path) -> str:
        return await store_document(
            self._store, item.project_id, fetched.sha256, fetched.size, path
        )

    async def _stored(self, item: ClaimedItem, fetched: Fetched, path: Path) -> File:
        """Store the bytes under the key of an equal upload, and return the file's row."""
        key = await self._keep(item, fetched, path)
        return File(
            id=derived_id(Prefix.FILE, "fetched", item.item_id),
            project_id=item.project_id,
            name=item.name,
            size=fetched.size,
            sha256=fetched.sha256,
            object_key=key,
            content_type=fetched.content_type,
            purpose="parse",
        )
