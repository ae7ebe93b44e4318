"""BatchService: what the command line and the HTTP API do with batches."""

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from docmill.client import BatchClient
from docmill.closing import close_batch
from docmill.contracts import BatchSpec, BatchStatus, CloseRequest, RedriveRequest
from docmill.creation import create_batch
from docmill.errors import ConflictError, NotFoundError
from docmill.objects import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables import Batch
from docmill.redriving import redrive_batch
from docmill.settings import Settings

ENDED_FROM_OUTSIDE = {
    WorkflowExecutionStatus.CANCELED: (BatchStatus.CANCELLED, "cancelled through Temporal"),
    WorkflowExecutionStatus.TERMINATED: (BatchStatus.CANCELLED, "terminated through Temporal"),
    WorkflowExecutionStatus.FAILED: (BatchStatus.FAILED, "its workflow failed"),
    WorkflowExecutionStatus.TIMED_OUT: (BatchStatus.FAILED, "its workflow timed out"),
}
"""How a workflow can end without having ended its batch row, and what is true then."""


LET_END_SECONDS = 3.0
"""How long the start of a further attempt waits for the workflow of the one before; when that
takes longer, `mend` starts it later."""


class BatchService:
    """Creates, starts, steers and mends batches: the row is the truth, the workflow the motor."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, client: BatchClient
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._client = client

    async def create(self, spec: BatchSpec, **fields: Any) -> tuple[Batch, bool]:
        """Create the row; see `docmill.creation.create_batch`. Nothing runs before `start`."""
        return await create_batch(
            self._database,
            self._settings,
            spec,
            namespace=self._client.temporal.namespace,
            **fields,
        )

    async def start(self, batch: Batch) -> None:
        """Start the batch's workflow; doing so again changes nothing.

        Raises:
            UnavailableError: Temporal is away; the row stays PENDING, and `mend` starts it later.
        """
        if batch.epoch > 1:
            await self._let_end(batch)
        await self._start(batch)

    async def redrive(self, batch: Batch, request: RedriveRequest) -> Batch:
        """Begin another attempt of an ended batch; nothing runs before `start`.

        See `docmill.redriving.redrive_batch` for what it raises.
        """
        return await redrive_batch(
            self._database, self._settings, batch.project_id, batch.id, request
        )

    async def get(self, project_id: str, batch_id: str) -> Batch:
        """Return a batch of this project.

        Raises:
            NotFoundError: there is none.
        """
        async with self._database.read() as session:
            return await Batches(session).get(project_id, batch_id)

    async def mend(self, batch: Batch) -> Batch:
        """Make row and workflow agree, and return the row as it is then.

        A batch that nothing runs (its create died half-way, or Temporal lost it) is started from
        the ledger; one whose workflow was ended from outside gets the end that is true.
        """
        if BatchStatus(batch.status).terminal:
            return batch
        latest = await self._client.latest(batch.id)
        batch = await self.get(batch.project_id, batch.id)
        if BatchStatus(batch.status).terminal:
            return batch  # it ended while Temporal was asked
        if latest is not None and latest.running:
            if batch.cancel_requested and latest.epoch == batch.epoch:
                # the request was recorded, but may not have arrived
                await self._client.cancel(batch.id, batch.reason or "", drain=batch.drain)
            return batch
        of_this_attempt = latest is not None and latest.epoch >= batch.epoch
        if latest is not None and of_this_attempt and latest.status in ENDED_FROM_OUTSIDE:
            ending, reason = ENDED_FROM_OUTSIDE[latest.status]
            await close_batch(
                self._database,
                self._store,
                self._settings.scratch,
                CloseRequest(
                    batch_id=batch.id,
                    epoch=batch.epoch,
                    ending=ending,
                    reason=batch.reason or reason,
                ),
            )
        else:
            await self._start(batch, again=True)
        return await self.get(batch.project_id, batch.id)

    async def cancel(self, batch: Batch, reason: str = "", *, drain: bool = False) -> Batch:
        """Ask a batch to stop; it is CANCELLED once nothing of it runs any more.

        Asking again while it stops is fine. With ``drain`` the items in flight may end; asking
        again without it stops them after all.

        Raises:
            ConflictError: it has ended already.
        """
        batch = await self._unfinished(batch)
        async with self._database.write() as session:
            await Batches(session).set_state(
                batch.id,
                cancel_requested=True,
                reason=reason or "cancelled on request",
                drain=drain and (batch.drain or not batch.cancel_requested),
            )
        await self._client.cancel(batch.id, reason, drain=drain)
        return await self.get(batch.project_id, batch.id)

    async def pause(self, batch: Batch) -> None:
        """Let a batch start no more items until it is resumed; those in hand end.

        The row comes first: workers read it before they begin an item that was planned before.

        Raises:
            ConflictError: it has ended already.
        """
        batch = await self._unfinished(batch)
        await self._set_state(batch, paused=True)
        await self._client.pause(batch.id)

    async def resume(self, batch: Batch) -> None:
        """Let a paused batch go on.

        Raises:
            ConflictError: it has ended already.
        """
        await self._client.resume((await self._unfinished(batch)).id)

    async def set_concurrency(self, batch: Batch, concurrency: int) -> int:
        """Change how many items of a batch may be in flight.

        Raises:
            ConflictError: it has ended already.
            UsageError: the number is out of bounds.
        """
        batch = await self._unfinished(batch)
        if 1 <= concurrency < batch.concurrency:
            await self._set_state(batch, concurrency=concurrency)
        return await self._client.set_concurrency(batch.id, concurrency)

    async def _set_state(self, batch: Batch, **fields: Any) -> None:
        async with self._database.write() as session:
            await Batches(session).set_state(batch.id, **fields)

    async def _start(self, batch: Batch, *, again: bool = False) -> None:
        await self._client.start(
            batch.id,
            again=again or batch.epoch > 1,
            epoch=batch.epoch,
            project_id=batch.project_id,
        )

    async def _let_end(self, batch: Batch) -> None:
        """Wait for the workflow of the attempt before: it ends a moment after its row."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_END_SECONDS):
                while (latest := await self._client.latest(batch.id)) is not None:
                    if not latest.running or latest.epoch == batch.epoch:
                        return
                    await asyncio.sleep(0.05)

    async def _unfinished(self, batch: Batch) -> Batch:
        try:
            batch = await self.mend(batch)
        except NotFoundError:
            batch = await self.get(batch.project_id, batch.id)
        if BatchStatus(batch.status).terminal:
            raise ConflictError(
                f"The batch {batch.id} has ended: {batch.status}.", "Start a new one."
            )
        return batch
