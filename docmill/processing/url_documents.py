"""Documents that a job names by URL: fetched once by the worker, then kept like an upload."""

from dataclasses import replace
from pathlib import Path

import httpx

from docmill.errors import UnavailableError
from docmill.ids import Prefix, derived_id
from docmill.objects.base import ObjectStore
from docmill.objects.documents import keep_document
from docmill.outbound.fence import Fence
from docmill.outbound.fetch import Fetched, fetch
from docmill.records.database import Database
from docmill.records.files import record_fetched
from docmill.records.items import ClaimedItem
from docmill.records.tables.sources import File
from docmill.settings import MIB, Settings


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
        return await keep_document(self._store, item.project_id, fetched.sha256, fetched.size, path)

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
