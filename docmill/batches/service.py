"""BatchService: the operations on batches for the command line, the HTTP API and the worker."""

import asyncio
import copy
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

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

T = TypeVar("T")

log = structlog.get_logger(__name__)

START_SECONDS = 2.0
"""Time that a create waits for Temporal; after it the batch stays PENDING and starts later."""
READ_SECONDS = 0.01
"""Time that a read waits for the reconciliation, enough while Temporal is not loaded. Then it
returns the row as it is, and a later read returns the reconciled one."""
RECONCILE_SECONDS = 2.0
"""Maximum time of a reconciliation that a read began."""


class BatchService:
    """Creates, starts, reads and controls batches of all namespaces that the process may use.

    The row is authoritative; the workflow executes it; the `reconciler` reconciles the two.
    """

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, temporal: TemporalLink
    ) -> None:
        self.reconciler = Reconciler(database, store, settings, temporal)
        self._database = database
        self._settings = settings
        self._temporal = temporal
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def namespace(self) -> str:
        """The default namespace of batches."""
        return self._temporal.namespace

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
        """Create the row; see `docmill.batches.create.create_batch`. `start` starts the batch.

        Raises:
            UsageError: the specification is invalid, or the namespace is not allowed.
            NotFoundError: its source does not exist.
        """
        name = self._temporal.allowed(namespace)
        return await create_batch(self._database, self._settings, spec, namespace=name, **fields)

    async def start(self, batch: Batch) -> None:
        """Start the batch's workflow. Idempotent.

        Raises:
            UnavailableError: Temporal is unavailable; a worker starts the pending batch later.
        """
        await self.reconciler.start(batch)

    async def start_soon(self, batch: Batch) -> None:
        """Start a batch's workflow; if Temporal does not answer in time, it starts later."""
        await asyncio.wait([self._in_background(self._start(batch))], timeout=START_SECONDS)

    async def _start(self, batch: Batch) -> None:
        try:
            await self.reconciler.start(batch)
        except UnavailableError as error:
            log.info("batch.waits_for_temporal", batch_id=batch.id, reason=error.message)

    async def get(self, project_id: str, batch_id: str) -> Batch:
        """Return the row of a batch of this project.

        Raises:
            NotFoundError: it does not exist.
        """
        async with self._database.read(short=True) as session:
            return await Batches(session).get(project_id, batch_id)

    async def current(
        self,
        project_id: str,
        batch_id: str,
        apis: Collection[str],
        *,
        wait_seconds: float = READ_SECONDS,
    ) -> Batch:
        """Return a batch, reconciled with its workflow if Temporal answers in time.

        Otherwise the reconciliation continues, and a later read returns its result.

        Raises:
            NotFoundError: the project has no such batch from one of ``apis``.
        """
        batch = await self.get(project_id, batch_id)
        if batch.api not in apis:
            raise NotFoundError(f"No batch {batch_id}.", "List batches to see their ids.")
        if BatchStatus(batch.status).terminal or not self.reconciler.take_turn(batch.id):
            return batch
        reconciliation = self._in_background(self._reconciled(batch))
        done, _ = await asyncio.wait([reconciliation], timeout=wait_seconds)
        return reconciliation.result() if done else batch

    async def _reconciled(self, batch: Batch) -> Batch:
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                return await self.reconciler.reconcile(batch)
        except (DocmillError, TimeoutError):
            return batch

    def _in_background(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` also if nobody waits for it any more."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def ended(self, batch: Batch) -> None:
        """Wait until the workflow of a batch has ended.

        Raises:
            NotFoundError: Temporal has no workflow of it.
            UnavailableError: Temporal is unavailable.
        """
        await (await self._client(batch)).ended(batch.id)

    async def redrive(self, batch: Batch, request: RedriveRequest) -> Batch:
        """Redrive an ended batch; `start` starts it.

        See `docmill.batches.redrive.redrive_batch` for its errors.
        """
        return await redrive_batch(
            self._database, self._settings, batch.project_id, batch.id, request
        )

    async def cancel(self, batch: Batch, reason: str = "", *, drain: bool = False) -> Batch:
        """Cancel a batch; it becomes CANCELLED once none of its items runs any more.

        The request may be repeated. With ``drain`` the items in flight may finish; a later request
        without it stops them.

        Raises:
            ConflictError: it has already ended.
            UnavailableError: Temporal is unavailable.
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
        """Pause a batch: it starts no more items until it is resumed; items in flight finish.

        The row is updated first, because workers read it before they start a scheduled item.

        Raises:
            ConflictError: it has already ended.
            UnavailableError: Temporal is unavailable.
        """
        batch = await self._unfinished(batch)
        await self._set_state(batch, paused=True)
        await (await self._client(batch)).pause(batch.id)

    async def resume(self, batch: Batch) -> None:
        """Resume a paused batch.

        Raises:
            ConflictError: it has already ended.
            UnavailableError: Temporal is unavailable.
        """
        await (await self._client(batch)).resume((await self._unfinished(batch)).id)
        await self._database.audit([batch.id])  # the workflow updates the row

    async def set_concurrency(self, batch: Batch, concurrency: int) -> int:
        """Change how many items of a batch may be in flight.

        Raises:
            ConflictError: it has already ended.
            UsageError: the number is out of range.
            UnavailableError: Temporal is unavailable.
        """
        batch = await self._unfinished(batch)
        if 1 <= concurrency < batch.concurrency:
            await self._set_state(batch, concurrency=concurrency)
        changed = await (await self._client(batch)).set_concurrency(batch.id, concurrency)
        if concurrency >= batch.concurrency:  # the workflow updates the row
            await self._database.audit([batch.id])
        return changed

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
