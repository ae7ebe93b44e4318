"""Batches for the handlers: the row decides, and Temporal may be away."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

import structlog

from docmill.api.temporal import TemporalLink
from docmill.batches import BatchService
from docmill.contracts import BatchSpec, BatchStatus, RedriveRequest
from docmill.creation import create_batch
from docmill.errors import DocmillError, NotFoundError, UnavailableError
from docmill.objects import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables import Batch
from docmill.redriving import redrive_batch
from docmill.settings import Settings

log = structlog.get_logger(__name__)

START_SECONDS = 2.0
"""How long a create waits for Temporal; afterwards the batch stays PENDING and starts later."""
MEND_SECONDS = 2.0
"""How long a read waits for the workflow's true state before it shows the row as it is."""
MEND_EVERY_SECONDS = 1.0
"""A batch that is polled is not compared with Temporal more often than this."""
SWEEP_EVERY_SECONDS = 5.0
"""How often batches that nobody reads are compared with Temporal."""
REMEMBERED = 10_000
"""Batches of which the last comparison is remembered."""
OPEN = (BatchStatus.PENDING, BatchStatus.THROTTLED, BatchStatus.RUNNING)


class BatchDesk:
    """Creates, reads and steers batches of every namespace that the server may use."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, temporal: TemporalLink
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._temporal = temporal
        self._mended: dict[str, float] = {}
        self._starts: set[asyncio.Task[None]] = set()

    async def service(self, namespace: str | None = None) -> BatchService:
        """Return the service of a namespace, or of the server's own.

        Raises:
            UsageError: the namespace is not on the allow-list.
            UnavailableError: Temporal cannot be reached.
        """
        client = await self._temporal.batches(namespace)
        return BatchService(self._database, self._store, self._settings, client)

    async def find(self, project_id: str, batch_id: str) -> Batch | None:
        """Return a batch of the project, or None."""
        try:
            async with self._database.read() as session:
                return await Batches(session).get(project_id, batch_id)
        except NotFoundError:
            return None

    async def create(self, spec: BatchSpec, namespace: str | None = None, **fields: Any) -> Batch:
        """Create a batch's row; see `docmill.creation.create_batch` for ``fields``.

        Raises:
            UsageError: the specification cannot work, or the namespace is not allowed.
            NotFoundError: its source does not exist.
        """
        batch, _ = await create_batch(
            self._database,
            self._settings,
            spec,
            namespace=self._temporal.allowed(namespace),
            **fields,
        )
        return batch

    async def start(self, batch: Batch) -> None:
        """Start a batch's workflow; when Temporal does not answer soon, it starts later."""
        start = asyncio.create_task(self._start(batch))
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)
        await asyncio.wait([start], timeout=START_SECONDS)

    async def _start(self, batch: Batch) -> None:
        try:
            await (await self.service(batch.namespace)).start(batch)
        except UnavailableError as error:
            log.info("batch.waits_for_temporal", batch_id=batch.id, reason=error.message)

    async def current(self, project_id: str, batch_id: str, apis: Collection[str]) -> Batch:
        """Return a batch as it truly is, as far as Temporal answers in time.

        Raises:
            NotFoundError: the project has no such batch that one of ``apis`` made.
        """
        batch = await self.find(project_id, batch_id)
        if batch is None or batch.api not in apis:
            raise NotFoundError(f"No batch {batch_id}.", "List batches to see their ids.")
        if BatchStatus(batch.status).terminal or not self._is_due(batch.id):
            return batch
        try:
            async with asyncio.timeout(MEND_SECONDS):
                return await (await self.service(batch.namespace)).mend(batch)
        except (DocmillError, TimeoutError):
            return batch

    async def redrive(self, batch: Batch, request: RedriveRequest) -> Batch:
        """Begin another attempt of an ended batch and start it, now or when Temporal is back.

        Raises:
            ConflictError: it has not ended, or nothing of it is left to run.
            UsageError: the group or a parameter is wrong.
        """
        batch = await redrive_batch(
            self._database, self._settings, batch.project_id, batch.id, request
        )
        await self.start(batch)
        return await self.find(batch.project_id, batch.id) or batch

    async def cancel(self, batch: Batch, reason: str = "", *, drain: bool = False) -> Batch:
        """Ask a batch to stop; with ``drain`` its files in flight may end.

        Raises:
            ConflictError: it has ended.
            UnavailableError: Temporal is away.
        """
        service = await self.service(batch.namespace)
        return await service.cancel(batch, reason, drain=drain)

    async def keep_true(self) -> None:
        """Compare all open batches with Temporal, again and again, until cancelled.

        It starts batches whose create died half-way or came while Temporal was away, and ends
        those whose workflow was ended from outside.
        """
        while True:
            await asyncio.sleep(SWEEP_EVERY_SECONDS)
            try:
                await self._sweep()
            except UnavailableError as error:
                log.info("reconciler.waiting", reason=error.message)
            except Exception:
                log.exception("reconciler.failed")

    async def _sweep(self) -> None:
        cursor: str | None = None
        while True:
            async with self._database.read() as session:
                found = await Batches(session).list(None, status=OPEN, limit=500, cursor=cursor)
            for batch in found.items:
                if self._is_due(batch.id):
                    await (await self.service(batch.namespace)).mend(batch)
            cursor = found.next
            if cursor is None:
                return

    def _is_due(self, batch_id: str) -> bool:
        """Whether the batch was not compared with Temporal just now; it counts as being so."""
        moment = time.monotonic()
        if moment - self._mended.get(batch_id, -MEND_EVERY_SECONDS) < MEND_EVERY_SECONDS:
            return False
        if len(self._mended) > REMEMBERED:
            self._mended.clear()
        self._mended[batch_id] = moment
        return True
