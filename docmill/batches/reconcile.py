"""Reconciliation of batch rows with their workflows.

The row is authoritative; the workflow executes it. Either can exist without the other: a create
was killed before it started the workflow, Temporal was unavailable, a workflow was terminated in
the Web UI, or its history was lost. Every worker reconciles all open batches periodically. A read
of a batch and a throttled batch reconcile the batches that they depend on at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from temporalio.client import WorkflowExecutionStatus

from docmill.batches.close import close_batch
from docmill.client import BatchClient
from docmill.contracts.batches import CloseRequest
from docmill.contracts.words import OPEN_BATCHES, BatchStatus
from docmill.errors import DocmillError, UnavailableError
from docmill.objects.base import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.sweeps import Sweeps
from docmill.records.tables.batches import Batch
from docmill.settings import Settings
from docmill.temporal.connections import TemporalLink
from docmill.temporal.deployments import Deployments

ENDED_FROM_OUTSIDE = {
    WorkflowExecutionStatus.CANCELED: (BatchStatus.CANCELLED, "cancelled through Temporal"),
    WorkflowExecutionStatus.TERMINATED: (BatchStatus.CANCELLED, "terminated through Temporal"),
    WorkflowExecutionStatus.FAILED: (BatchStatus.FAILED, "its workflow failed"),
    WorkflowExecutionStatus.TIMED_OUT: (BatchStatus.FAILED, "its workflow timed out"),
}
"""Ends of a workflow that did not update its row, with the status and reason for the row."""

EVERY_SECONDS = 1.0
"""Minimum interval between two reconciliations of one batch in one process."""
REMEMBERED = 10_000
"""Batches whose last reconciliation is remembered."""
SOME = 10
"""Batches that a waiting batch reconciles at a time."""

SWEEP_EVERY_SECONDS = 5.0
"""Interval of the sweeps over the batches of a namespace, by any worker."""
SWEEP_BATCHES = 300
"""Batches of one sweep, about a second of calls. The next sweep continues after the last one."""
REPORT_EVERY_SECONDS = 60.0
"""Minimum interval between two reports of a worker on the versions of the workers."""
STOP_SECONDS = 5.0
"""Time that a stopping worker waits for its current reconciliation."""

PREVIOUS_WORKFLOW_SECONDS = 3.0
"""Time that the start of a redrive waits for the previous workflow; after it a sweep starts it."""

log = structlog.get_logger(__name__)


class Reconciler:
    """Starts missing workflows, and ends the rows of workflows that were ended from outside."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, temporal: TemporalLink
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._temporal = temporal
        self._reconciled: dict[str, float] = {}
        self._turns: dict[str, int] = {}
        self._next_report = 0.0
        self._stopping = asyncio.Event()

    async def start(self, batch: Batch) -> None:
        """Start the batch's workflow. Idempotent.

        Raises:
            UnavailableError: Temporal is unavailable; the row stays PENDING, and a sweep starts it.
            UsageError: its namespace is not allowed.
        """
        client = await self._temporal.batches(batch.namespace)
        if batch.epoch > 1:
            await _wait_for_previous(client, batch)
        await _start(client, batch)

    async def reconcile(self, batch: Batch) -> Batch:
        """Reconcile the row with its workflow, and return the current row.

        A batch without a workflow is started from its ledger. A batch whose workflow was ended from
        outside is closed. A recorded cancel request is sent again.

        Raises:
            UnavailableError: Temporal is unavailable.
            UsageError: its namespace is not allowed.
        """
        if BatchStatus(batch.status).terminal:
            return batch
        client = await self._temporal.batches(batch.namespace)
        latest = await client.latest(batch.id)
        batch = await self._row(batch)
        if BatchStatus(batch.status).terminal:
            return batch  # it ended in the meantime
        if latest is not None and latest.running:
            if batch.cancel_requested and latest.epoch in (None, batch.epoch):
                # the cancel was recorded, but its signal may not have arrived
                await client.cancel(batch.id, batch.reason or "", drain=batch.drain)
            return batch
        # An epoch that cannot be read counts as this one: a lost key must not start it for ever.
        of_this_epoch = latest is not None and (latest.epoch or batch.epoch) >= batch.epoch
        if latest is not None and of_this_epoch and latest.status in ENDED_FROM_OUTSIDE:
            await self.end(batch, *ENDED_FROM_OUTSIDE[latest.status])
        else:
            await _start(client, batch, again=True)
        return await self._row(batch)

    def take_turn(self, batch_id: str) -> bool:
        """Return whether the batch is due for reconciliation; if so, record it as reconciled."""
        now = time.monotonic()
        if now - self._reconciled.get(batch_id, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        if len(self._reconciled) >= REMEMBERED:
            recent = {k: at for k, at in self._reconciled.items() if now - at < EVERY_SECONDS}
            self._reconciled = recent
        self._reconciled[batch_id] = now
        return True

    async def reconcile_some(self, batches: Sequence[Batch], limit: int = SOME) -> None:
        """Reconcile the due ones of ``batches``, starting with the least recently reconciled.

        An error of one batch does not stop the others, unless Temporal is unavailable.
        """
        for batch in sorted(batches, key=lambda one: self._reconciled.get(one.id, 0.0))[:limit]:
            if self._stopping.is_set() or not self.take_turn(batch.id):
                return  # the next ones were reconciled even later
            try:
                await self.reconcile(batch)
            except UnavailableError as error:
                log.info("reconcile.waiting", reason=error.message)
                return
            except DocmillError as error:
                log.info("reconcile.failed", batch_id=batch.id, reason=error.message)

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Reconcile the open batches of all namespaces periodically during the block."""
        self._stopping.clear()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            # A cancelled statement would leak its connection, so the current one may finish.
            self._stopping.set()
            await asyncio.wait([task], timeout=STOP_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            for namespace in self._temporal.namespaces:
                try:
                    if await self.sweep_in_turn(namespace):
                        await self.report_versions(namespace)
                except DocmillError as error:
                    log.info("reconcile.waiting", reason=error.message)
                except Exception:  # one bad row must not end the sweeps
                    log.exception("reconcile.unexpected")
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_SECONDS):
                    await self._stopping.wait()

    async def sweep_in_turn(self, namespace: str) -> bool:
        """Sweep a namespace, unless another worker has swept it since this worker's last check.

        The sweeps are counted in the database, so that no clocks are compared. A worker that finds
        the same number as at its last check increments it; of concurrent workers one succeeds.

        Returns:
            Whether this worker swept.

        Raises:
            UnavailableError: the database is unavailable.
        """
        async with self._database.read() as session:
            last = await Sweeps(session).last(namespace)
        seen = self._turns.get(namespace)
        self._turns[namespace] = last.turn
        if seen != last.turn:
            return False
        async with self._database.write() as session:
            if not await Sweeps(session).take(last):
                return False
        self._turns[namespace] = last.turn + 1
        async with self._database.read() as session:
            found = await Batches(session).list(
                None,
                status=OPEN_BATCHES,
                namespace=namespace,
                limit=SWEEP_BATCHES,
                cursor=last.cursor,
            )
        await self.reconcile_some(found.items, SWEEP_BATCHES)
        if found.next != last.cursor:
            async with self._database.write() as session:
                await Sweeps(session).set_cursor(namespace, found.next)
        return True

    async def report_versions(self, namespace: str) -> None:
        """Log what keeps batches from running, if the workers have versions; once a minute.

        Raises:
            NotFoundError: no worker with a version has polled yet.
            UnavailableError: Temporal is unavailable.
        """
        deployment = self._settings.worker_deployment
        now = time.monotonic()
        if not deployment or now < self._next_report:
            return
        self._next_report = now + REPORT_EVERY_SECONDS
        client = (await self._temporal.batches(namespace)).temporal
        for problem in (await Deployments(client, deployment).describe()).problems():
            log.warning(
                "deployment.problem",
                deployment=deployment,
                namespace=namespace,
                reason=problem.message,
                hint=problem.hint,
            )

    async def end(self, batch: Batch, ending: BatchStatus, reason: str) -> None:
        """Close a batch that no workflow will close: every file gets its outcome."""
        request = CloseRequest(
            batch_id=batch.id, epoch=batch.epoch, ending=ending, reason=batch.reason or reason
        )
        await close_batch(self._database, self._store, self._settings.scratch, request)

    async def _row(self, batch: Batch) -> Batch:
        async with self._database.read(short=True) as session:
            return await Batches(session).get(batch.project_id, batch.id)


async def _start(client: BatchClient, batch: Batch, *, again: bool = False) -> None:
    if batch.exported_by_workers:  # first, so that a batch that runs has its export
        await client.start_export(batch.id, batch.epoch)
    await client.start(
        batch.id, again=again or batch.epoch > 1, epoch=batch.epoch, project_id=batch.project_id
    )


async def _wait_for_previous(client: BatchClient, batch: Batch) -> None:
    """Wait for the workflow from before the redrive, which ends a moment after its row."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PREVIOUS_WORKFLOW_SECONDS):
            while (latest := await client.latest(batch.id)) is not None:
                if not latest.running or latest.epoch == batch.epoch:
                    return
                await asyncio.sleep(0.05)
