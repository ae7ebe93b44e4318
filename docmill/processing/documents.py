"""An item's bytes, read and hashed, and the key of the result that they get."""

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
from docmill.sources.documents import OpenedDocument, open_document, open_local

READ_FIRST_BYTES = 16 * MIB
"""A local file up to this size is read before its item is claimed: a tenth of a second of work
that is lost, and charged to nobody, when the worker dies over it."""

_DOWNLOADS = 8
"""Small uploads of one group that are fetched from a bucket at the same time."""


@dataclass(frozen=True, slots=True)
class Document:
    """An item's bytes, read and hashed.

    Attributes:
        opened: where they can be read.
        cache_key: of the result that they get.
        read: what the ledger needs to look for that result; None when stored ones are not wanted.
    """

    opened: OpenedDocument
    cache_key: str
    read: ReadBytes | None


class ItemDocuments:
    """Reads the documents of items."""

    def __init__(self, engines: ItemEngines, store: ObjectStore, settings: Settings) -> None:
        self._engines = engines
        self._store = store
        self._settings = settings

    def describe(self, item: ClaimedItem, opened: OpenedDocument) -> Document:
        """Return the document of an item whose bytes were read."""
        version = self._engines.version_of(item.job_type, item.engine, item.path)
        key = item_cache_key(item, opened.sha256, version)
        if item.parameters.get("disable_cache"):
            return Document(opened, key, None)  # its key is its own
        longest = item_timeout_seconds(item.engine, item.parameters, self._settings)
        return Document(opened, key, ReadBytes(opened.sha256, key, lease_seconds=longest))

    def may_read_first(self, item: ClaimedItem) -> bool:
        """Whether an item's bytes are read before it is claimed.

        Of a strict batch they are not: whether it accepts a stored result is seen after the claim.
        """
        most = min(READ_FIRST_BYTES, self._settings.max_file_mb * MIB)
        return item.size <= most and not item.strict

    async def read_first(self, item: ClaimedItem) -> Document | None:
        """Read an item's bytes where they lie; None when they cannot be read there.

        What is wrong with the file is said once it is claimed.
        """
        if not self.may_read_first(item):
            return None
        found = await asyncio.to_thread(self._read_here, [item])
        return found.get(item.position)

    async def read_several(
        self, items: Sequence[ClaimedItem], scratch: Path, stack: AsyncExitStack
    ) -> dict[int, Document]:
        """Read small items before they are claimed; of those that are missing, something is wrong.

        Args:
            items: of one group.
            scratch: an existing folder of this group alone, for what is not on this machine.
            stack: what was fetched is removed when it closes.

        Raises:
            UnavailableError: the store is away, or the scratch folder is full.
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

        elsewhere = [item for item in small if self._is_elsewhere(item)]
        await asyncio.gather(*map(fetch, elsewhere))
        return found

    def _is_elsewhere(self, item: ClaimedItem) -> bool:
        return bool(item.object_key) and self._store.local_path(str(item.object_key)) is None

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


class WebSources:
    """Brings documents in from the web."""

    def __init__(self, database: Database, store: ObjectStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._fence = Fence.allowing(settings.fence_allow)

    async def bring(self, item: ClaimedItem, scratch: Path) -> ClaimedItem:
        """Return ``item`` with its bytes in the store; one that was not named by URL as it is.

        Args:
            item: as claimed.
            scratch: an existing folder of this item alone.

        Raises:
            ItemFailure: ``source_unreachable``.
            OversizeError: the document is larger than the operator's limit.
            StaleItem: another attempt holds the item.
            UnavailableError: the database or the store is away, or the scratch folder is full.
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
                "Free space on the disk of the temporary folder; the job goes on by itself.",
            ) from error

    def _transport(self, proxy: str | None) -> httpx.AsyncBaseTransport:
        return self._fence.transport() if proxy is None else self._fence.proxied(proxy)

    async def _keep(self, item: ClaimedItem, fetched: Fetched, path: Path) -> str:
        return await store_document(
            self._store, item.project_id, fetched.sha256, fetched.size, path
        )

    async def _stored(self, item: ClaimedItem, fetched: Fetched, path: Path) -> File:
        """Put the bytes where the same bytes of an upload would be, and describe them."""
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
