"""BatchService: what the command line and the HTTP API do with batches."""

from typing import Any

from temporalio.client import WorkflowExecutionStatus

from docmill.client import BatchClient
from docmill.closing import close_batch
from docmill.contracts import BatchSpec, BatchStatus, CloseRequest
from docmill.creation import create_batch
from docmill.errors import ConflictError, NotFoundError
from docmill.objects import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables import Batch
from docmill.settings import Settings

ENDED_FROM_OUTSIDE = {
    WorkflowExecutionStatus.CANCELED: (BatchStatus.CANCELLED, "cancelled through Temporal"),
    WorkflowExecutionStatus.TERMINATED: (BatchStatus.CANCELLED, "terminated through Temporal"),
    WorkflowExecutionStatus.FAILED: (BatchStatus.FAILED, "its workflow failed"),
    WorkflowExecutionStatus.TIMED_OUT: (BatchStatus.FAILED, "its workflow timed out"),
}
"""How a workflow can end without having ended its batch row, and what is true then."""


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
        await self._client.start(batch.id)

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
        status = await self._client.status(batch.id)
        batch = await self.get(batch.project_id, batch.id)
        if BatchStatus(batch.status).terminal:
            return batch  # it ended while Temporal was asked
        if status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            if batch.cancel_requested:  # the request was recorded, but may not have arrived
                await self._client.cancel(batch.id, batch.reason or "")
            return batch
        if status in ENDED_FROM_OUTSIDE:
            ending, reason = ENDED_FROM_OUTSIDE[status]
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
            await self._client.start(batch.id, again=True)
        return await self.get(batch.project_id, batch.id)

    async def cancel(self, batch: Batch, reason: str = "") -> Batch:
        """Ask a batch to stop; it is CANCELLED once nothing of it runs any more.

        Asking again while it stops is fine.

        Raises:
            ConflictError: it has ended already.
        """
        batch = await self._unfinished(batch)
        async with self._database.write() as session:
            await Batches(session).set_state(
                batch.id, cancel_requested=True, reason=reason or "cancelled on request"
            )
        await self._client.cancel(batch.id, reason)
        return await self.get(batch.project_id, batch.id)

    async def pause(self, batch: Batch) -> None:
        """Let a batch start no more items until it is resumed.

        Raises:
            ConflictError: it has ended already.
        """
        await self._client.pause((await self._unfinished(batch)).id)

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
        return await self._client.set_concurrency((await self._unfinished(batch)).id, concurrency)

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
