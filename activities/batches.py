"""The life of a batch: open, changes of state, items that were lost, the end."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from activities.opened import Opener, steering_of
from docmill.batches.close import close_batch
from docmill.batches.create import create_batch
from docmill.batches.redrive import redrive_batch, take_up_items
from docmill.contracts.batches import (
    BatchResult,
    CloseRequest,
    OpenedBatch,
    OpenRequest,
    StateChange,
    SteeringState,
)
from docmill.contracts.items import LostItem
from docmill.contracts.names import CLOSE_BATCH, OPEN_BATCH, RECORD_LOST_ITEM, RECORD_STATE
from docmill.contracts.words import BatchStatus
from docmill.objects.base import ObjectStore
from docmill.records.admission import Admission
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.settings import Settings


class Recording:
    """Writes what happens to a batch as a whole."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, opener: Opener
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._opener = opener

    @activity.defn(name=OPEN_BATCH)
    @translated
    async def open_batch(self, request: OpenRequest) -> OpenedBatch:
        """Make the batch RUNNING, or THROTTLED while its project runs as many as it may.

        One that a program started without a row gets its row here, and one that a program runs
        again its next attempt.
        """
        async with heartbeating():
            await self._begin(request)
            await take_up_items(self._database, request.batch_id)
            async with self._database.write() as session:
                batch = await Batches(session).get(None, request.batch_id)
                if not BatchStatus(batch.status).terminal:
                    limit = self._settings.max_running_batches
                    await Admission(session).admit(batch, limit)
            return await self._opener.describe(request.batch_id)

    async def _begin(self, request: OpenRequest) -> None:
        info = activity.info()
        if request.spec is not None:
            await create_batch(
                self._database,
                self._settings,
                request.spec,
                id=request.batch_id,
                api="temporal",
                namespace=info.workflow_namespace,
            )
        elif request.redrive is not None:
            await redrive_batch(
                self._database,
                self._settings,
                None,
                request.batch_id,
                request.redrive,
                asked_by=info.workflow_run_id,
            )

    @activity.defn(name=RECORD_STATE)
    @translated
    async def record_state(self, change: StateChange) -> SteeringState | None:
        """Write a pause, a resume, a new concurrency or a cancel to the batch row; return the row.

        A row of another attempt, or of a batch that has ended, stays as it is, and says nothing.
        """
        fields = change.model_dump(include={"paused", "concurrency"}, exclude_none=True)
        if change.cancel_reason is not None:
            fields |= {"cancel_requested": True, "reason": change.cancel_reason}
            fields["drain"] = bool(change.drain)
        async with heartbeating(), self._database.write() as session:
            batches = Batches(session)
            batch = await batches.get(None, change.batch_id)
            if batch.epoch != change.epoch or BatchStatus(batch.status).terminal:
                return None
            if fields:
                await batches.set_state(change.batch_id, **fields)
                batch = await batches.get(None, change.batch_id)
            return steering_of(batch)

    @activity.defn(name=RECORD_LOST_ITEM)
    @translated
    async def record_lost_item(self, lost: LostItem) -> None:
        """Give an item that Temporal gave up its outcome, unless it already has one."""
        async with heartbeating(), self._database.write() as session:
            await Ledger(session).settle_lost(lost)

    @activity.defn(name=CLOSE_BATCH)
    @translated
    async def close_batch(self, request: CloseRequest) -> BatchResult:
        """Check outcomes against the listing, write the manifest, end the row; once."""
        async with heartbeating():
            return await close_batch(self._database, self._store, self._settings.scratch, request)
