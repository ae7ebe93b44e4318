"""BatchService: what the command line, the HTTP API and the worker do with batches."""

import asyncio
import copy
from collections.abc import Collection
from typing import Any

import structlog

from docmill.batches.create import create_batch
from docmill.batches.reconcile import Reconciler
from docmill.batches.redrive import redrive_batch
from docmill.client import BatchClient
from docmill.contracts.batches import BatchSpec, RedriveRequest
from docmill.contracts.words import BatchStatus
from docmill.errors import ConflictError, DocmillError, NotFoundError, UnavailableError
from docmill.objects.base import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables.batches import Batch
from docmill.settings import Settings
from docmill.temporal.connections import TemporalLink

log = structlog.get_logger(__name__)

START_SECONDS = 2.0
"""How long a create waits for Temporal; afterwards the batch stays PENDING and starts later."""
READ_SECONDS = 2.0
"""How long a read waits for the workflow's true state before it shows the row as it is."""


class BatchService:
    """Creates, starts, reads and steers batches of every namespace that the process may use.

    The row is the truth, the workflow runs it, and the `reconciler` keeps the two together.
    """

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, temporal: TemporalLink
    ) -> None:
        self.reconciler = Reconciler(database, store, settings, temporal)
        self._database = database
        self._settings = settings
        self._temporal = temporal
        self._starts: set[asyncio.Task[None]] = set()

    def within(self, database: Database) -> "BatchService":
        """Return the same service over ``database``, which sees one project.

        Both share the reconciler, which keeps rows of all projects and their workflows together.
        """
        other = copy.copy(self)
        other._database = database
        return other

    async def create(
        self, spec: BatchSpec, namespace: str | None = None, **fields: Any
    ) -> tuple[Batch, bool]:
        """Create the row; see `docmill.batches.create.create_batch`. Nothing runs before `start`.

        Raises:
            UsageError: the specification cannot work, or the namespace is not allowed.
            NotFoundError: its source does not exist.
        """
        name = self._temporal.allowed(namespace)
        return await create_batch(self._database, self._settings, spec, namespace=name, **fields)

    async def start(self, batch: Batch) -> None:
        """Start the batch's workflow; doing so again changes nothing.

        Raises:
            UnavailableError: Temporal is away; the row stays PENDING, and a worker starts it later.
        """
        await self.reconciler.start(batch)

    async def start_soon(self, batch: Batch) -> None:
        """Start a batch's workflow; when Temporal does not answer soon, it starts later."""
        start = asyncio.create_task(self._start(batch))
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)
        await asyncio.wait([start], timeout=START_SECONDS)

    async def _start(self, batch: Batch) -> None:
        try:
            await self.reconciler.start(batch)
        except UnavailableError as error:
            log.info("batch.waits_for_temporal", batch_id=batch.id, reason=error.message)

    async def get(self, project_id: str, batch_id: str) -> Batch:
        """Return the row of a batch of this project.

        Raises:
            NotFoundError: there is none.
        """
        async with self._database.read() as session:
            return await Batches(session).get(project_id, batch_id)

    async def current(self, project_id: str, batch_id: str, apis: Collection[str]) -> Batch:
        """Return a batch as it truly is, as far as Temporal answers in time.

        Raises:
            NotFoundError: the project has no such batch that one of ``apis`` made.
        """
        batch = await self.get(project_id, batch_id)
        if batch.api not in apis:
            raise NotFoundError(f"No batch {batch_id}.", "List batches to see their ids.")
        if BatchStatus(batch.status).terminal or not self.reconciler.take_turn(batch.id):
            return batch
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self.reconciler.reconcile(batch)
        except (DocmillError, TimeoutError):
            return batch

    async def ended(self, batch: Batch) -> None:
        """Wait until the workflow of a batch has ended, or Temporal cannot be asked.

        Raises:
            NotFoundError: Temporal has no workflow of it.
            UnavailableError: Temporal is away.
        """
        await (await self._client(batch)).ended(batch.id)

    async def redrive(self, batch: Batch, request: RedriveRequest) -> Batch:
        """Begin another attempt of an ended batch; nothing runs before `start`.

        See `docmill.batches.redrive.redrive_batch` for what it raises.
        """
        return await redrive_batch(
            self._database, self._settings, batch.project_id, batch.id, request
        )

    async def cancel(self, batch: Batch, reason: str = "", *, drain: bool = False) -> Batch:
        """Ask a batch to stop; it is CANCELLED once nothing of it runs any more.

        Asking again while it stops is fine. With ``drain`` the items in flight may end; asking
        again without it stops them after all.

        Raises:
            ConflictError: it has ended already.
            UnavailableError: Temporal is away.
        """
        batch = await self._unfinished(batch)
        async with self._database.write() as session:
            await Batches(session).set_state(
                batch.id,
                cancel_requested=True,
                reason=reason or "cancelled on request",
                drain=drain and (batch.drain or not batch.cancel_requested),
            )
        await (await self._client(batch)).cancel(batch.id, reason, drain=drain)
        return await self.get(batch.project_id, batch.id)

    async def pause(self, batch: Batch) -> None:
        """Let a batch start no more items until it is resumed; those in hand end.

        The row comes first: workers read it before they begin an item that was planned before.

        Raises:
            ConflictError: it has ended already.
            UnavailableError: Temporal is away.
        """
        batch = await self._unfinished(batch)
        await self._set_state(batch, paused=True)
        await (await self._client(batch)).pause(batch.id)

    async def resume(self, batch: Batch) -> None:
        """Let a paused batch go on.

        Raises:
            ConflictError: it has ended already.
            UnavailableError: Temporal is away.
        """
        await (await self._client(batch)).resume((await self._unfinished(batch)).id)

    async def set_concurrency(self, batch: Batch, concurrency: int) -> int:
        """Change how many items of a batch may be in flight.

        Raises:
            ConflictError: it has ended already.
            UsageError: the number is out of bounds.
            UnavailableError: Temporal is away.
        """
        batch = await self._unfinished(batch)
        if 1 <= concurrency < batch.concurrency:
            await self._set_state(batch, concurrency=concurrency)
        return await (await self._client(batch)).set_concurrency(batch.id, concurrency)

    async def _set_state(self, batch: Batch, **fields: Any) -> None:
        async with self._database.write() as session:
            await Batches(session).set_state(batch.id, **fields)

    async def _client(self, batch: Batch) -> BatchClient:
        return await self._temporal.batches(batch.namespace)

    async def _unfinished(self, batch: Batch) -> Batch:
        try:
            batch = await self.reconciler.reconcile(batch)
        except NotFoundError:
            batch = await self.get(batch.project_id, batch.id)
        if BatchStatus(batch.status).terminal:
            raise ConflictError(
                f"The batch {batch.id} has ended: {batch.status}.", "Start a new one."
            )
        return batch
