"""A batch's row and its workflow agree: the one owner of that.

The row is the truth about a batch, the workflow is what runs it, and either can be there without
the other: a create was killed before it started its workflow, Temporal was away, a workflow was
terminated from the Web UI, or its history is lost. Every worker compares the two again and again;
reads of a batch and batches that wait in line compare what they depend on at once.
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

ENDED_FROM_OUTSIDE = {
    WorkflowExecutionStatus.CANCELED: (BatchStatus.CANCELLED, "cancelled through Temporal"),
    WorkflowExecutionStatus.TERMINATED: (BatchStatus.CANCELLED, "terminated through Temporal"),
    WorkflowExecutionStatus.FAILED: (BatchStatus.FAILED, "its workflow failed"),
    WorkflowExecutionStatus.TIMED_OUT: (BatchStatus.FAILED, "its workflow timed out"),
}
"""How a workflow can end without having ended its batch row, and what is true then."""

EVERY_SECONDS = 1.0
"""A process compares one batch with Temporal no more often than this, however often it is read."""
REMEMBERED = 10_000
"""Batches of which the last comparison is remembered."""
SOME = 10
"""Batches that somebody who waits for them compares at a time."""

SWEEP_EVERY_SECONDS = 5.0
"""How often the batches of a namespace are compared, by whichever worker is first."""
SWEEP_BATCHES = 300
"""Of one sweep: about a second of calls. The next one goes on behind the last of them."""
STOP_SECONDS = 5.0
"""How long a worker that stops lets the comparison end that it is at."""

LET_END_SECONDS = 3.0
"""How long the start of a further attempt waits for the workflow of the one before; when that
takes longer, a sweep starts it later."""

log = structlog.get_logger(__name__)


class Reconciler:
    """Starts workflows of rows that have none, and ends rows whose workflow was ended."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, temporal: TemporalLink
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._temporal = temporal
        self._compared: dict[str, float] = {}
        self._turns: dict[str, int] = {}
        self._stopping = asyncio.Event()

    async def start(self, batch: Batch) -> None:
        """Start the batch's workflow; doing so again changes nothing.

        Raises:
            UnavailableError: Temporal is away; the row stays PENDING, and a sweep starts it later.
            UsageError: its namespace is not allowed here.
        """
        client = await self._temporal.batches(batch.namespace)
        if batch.epoch > 1:
            await _let_end(client, batch)
        await _start(client, batch)

    async def reconcile(self, batch: Batch) -> Batch:
        """Make row and workflow agree now, and return the row as it is then.

        A batch that nothing runs is started from the ledger; one whose workflow was ended from
        outside gets the end that is true; a cancel that was recorded is sent again.

        Raises:
            UnavailableError: Temporal is away.
            UsageError: its namespace is not allowed here.
        """
        if BatchStatus(batch.status).terminal:
            return batch
        client = await self._temporal.batches(batch.namespace)
        latest = await client.latest(batch.id)
        batch = await self._row(batch)
        if BatchStatus(batch.status).terminal:
            return batch  # it ended while Temporal was asked
        if latest is not None and latest.running:
            if batch.cancel_requested and latest.epoch == batch.epoch:
                # the request was recorded, but may not have arrived
                await client.cancel(batch.id, batch.reason or "", drain=batch.drain)
            return batch
        of_this_attempt = latest is not None and latest.epoch >= batch.epoch
        if latest is not None and of_this_attempt and latest.status in ENDED_FROM_OUTSIDE:
            await self.end(batch, *ENDED_FROM_OUTSIDE[latest.status])
        else:
            await _start(client, batch, again=True)
        return await self._row(batch)

    def take_turn(self, batch_id: str) -> bool:
        """Whether the batch was not compared with Temporal just now; it counts as being so."""
        moment = time.monotonic()
        if moment - self._compared.get(batch_id, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        if len(self._compared) >= REMEMBERED:
            recent = {k: at for k, at in self._compared.items() if moment - at < EVERY_SECONDS}
            self._compared = recent
        self._compared[batch_id] = moment
        return True

    async def reconcile_some(self, batches: Sequence[Batch], limit: int = SOME) -> None:
        """Reconcile those of ``batches`` whose turn it is, the longest unseen first.

        What cannot be told of one batch does not stop the others; Temporal's absence does.
        """
        for batch in sorted(batches, key=lambda one: self._compared.get(one.id, 0.0))[:limit]:
            if self._stopping.is_set() or not self.take_turn(batch.id):
                return  # those behind it were compared later still
            try:
                await self.reconcile(batch)
            except UnavailableError as error:
                log.info("reconciling.waiting", reason=error.message)
                return
            except DocmillError as error:
                log.info("reconciling.unknown", batch_id=batch.id, reason=error.message)

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Compare the open batches of all namespaces for as long as the block runs."""
        self._stopping.clear()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            # A statement that is cancelled leaves its connection behind: what runs may end.
            self._stopping.set()
            await asyncio.wait([task], timeout=STOP_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            for namespace in self._temporal.namespaces:
                try:
                    await self.sweep_in_turn(namespace)
                except UnavailableError as error:
                    log.info("reconciling.waiting", reason=error.message)
                except Exception:  # one odd row must not end the sweep of all others
                    log.exception("reconciling.unexpected")
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_EVERY_SECONDS):
                    await self._stopping.wait()

    async def sweep_in_turn(self, namespace: str) -> bool:
        """Sweep a namespace unless another worker has done so since this one last looked.

        Turns are counted in the records, and no clocks are compared: who finds the number that it
        saw an interval ago raises it, and of those who do that together one sweeps.

        Returns:
            Whether it swept.

        Raises:
            UnavailableError: the database is away.
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

    async def end(self, batch: Batch, ending: BatchStatus, reason: str) -> None:
        """Close a batch that no workflow will close: every file gets its outcome."""
        request = CloseRequest(
            batch_id=batch.id, epoch=batch.epoch, ending=ending, reason=batch.reason or reason
        )
        await close_batch(self._database, self._store, self._settings.scratch, request)

    async def _row(self, batch: Batch) -> Batch:
        async with self._database.read() as session:
            return await Batches(session).get(batch.project_id, batch.id)


async def _start(client: BatchClient, batch: Batch, *, again: bool = False) -> None:
    await client.start(
        batch.id, again=again or batch.epoch > 1, epoch=batch.epoch, project_id=batch.project_id
    )


async def _let_end(client: BatchClient, batch: Batch) -> None:
    """Wait for the workflow of the attempt before: it ends a moment after its row."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LET_END_SECONDS):
            while (latest := await client.latest(batch.id)) is not None:
                if not latest.running or latest.epoch == batch.epoch:
                    return
                await asyncio.sleep(0.05)
