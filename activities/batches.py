"""Activities on whole batches: open, change of state, lost items, close."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.batches.close import close_batch
from docmill.batches.create import create_batch
from docmill.batches.redrive import redrive_batch, reset_items
from docmill.contracts.batches import (
    BatchResult,
    CloseRequest,
    OpenedBatch,
    OpenRequest,
    StateChange,
    SteeringState,
)
from docmill.contracts.items import LostItem
from docmill.contracts.names import (
    CLOSE_BATCH,
    LOCAL_ENGINES_QUEUE,
    MAX_GROUP,
    OPEN_BATCH,
    RECORD_LOST_ITEM,
    RECORD_STATE,
    UNGROUPED_BATCH,
)
from docmill.contracts.words import BatchStatus, JobType, Tally
from docmill.engines.choice import engine_queue
from docmill.objects.base import ObjectStore
from docmill.processing.limits import item_timeout_seconds
from docmill.records.admission import Admission
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

GROUPS_IN_FLIGHT = 4
"""Groups in flight with a failure threshold. The threshold limits the files in flight to the
concurrency, which these groups share, so that workers stay busy."""


class BatchDescriber:
    """Describes batches for their workflows."""

    def __init__(self, database: Database, settings: Settings, *, attributes: bool) -> None:
        self._database = database
        self._settings = settings
        self._attributes = attributes

    async def describe(self, batch_id: str) -> OpenedBatch:
        """Return the current state of a batch; for a redrive, with the existing outcomes."""
        async with self._database.read(short=True) as session:
            batch = await Batches(session).get(None, batch_id)
        settled = Tally()
        if again := batch.epoch > 1:
            async with self._database.read() as session:
                settled = await Ledger(session).tally(batch)
        steering = steering_of(batch)
        return OpenedBatch(
            project_id=batch.project_id,
            directory_id=batch.directory_id,
            job_type=JobType(batch.job_type),
            total=batch.total,
            page_size=batch.page_size,
            continue_as_new_threshold=batch.continue_as_new_threshold,
            concurrency=batch.concurrency,
            epoch=batch.epoch,
            item_timeout_seconds=item_timeout_seconds(
                batch.engine, batch.parameters, self._settings
            ),
            engine_queue=engine_queue(batch.engine),
            started_at=batch.started_at or batch.created_at,
            search_attributes=self._attributes,
            paused=steering.paused,
            cancel_reason=steering.cancel_reason,
            admitted=batch.status != BatchStatus.THROTTLED,
            unfinished_only=again,
            settled=settled,
            max_failures=batch.max_failures,
            max_failure_rate=batch.max_failure_rate,
            group_up_to=_group_up_to(batch, batch.total - settled.accounted),
        )


def _group_up_to(batch: Batch, items: int) -> int:
    """Return the maximum number of a batch's ``items`` in one activity."""
    if engine_queue(batch.engine) != LOCAL_ENGINES_QUEUE:
        return 1
    if batch.items_per_activity is not None:
        most = batch.items_per_activity
    else:
        most = MAX_GROUP if items > UNGROUPED_BATCH else 1
    if batch.max_failures is None and batch.max_failure_rate is None:
        return most
    return min(most, max(1, batch.concurrency // GROUPS_IN_FLIGHT))


def steering_of(batch: Batch) -> SteeringState:
    """Return the state of the batch row that the workflow follows."""
    cancelled = batch.cancel_requested or batch.status == BatchStatus.CANCELLED
    return SteeringState(
        paused=batch.paused,
        concurrency=batch.concurrency,
        cancel_reason=(batch.reason or "cancelled on request") if cancelled else None,
        drain=batch.drain,
    )


class BatchActivities:
    """Records events of whole batches."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, describer: BatchDescriber
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._describer = describer

    @activity.defn(name=OPEN_BATCH)
    @translated
    async def open_batch(self, request: OpenRequest) -> OpenedBatch:
        """Set the batch to RUNNING, or to THROTTLED while its project is at its maximum.

        A batch that was started without a row gets its row, and a batch that was started again is
        redriven.
        """
        async with heartbeating():
            await self._begin(request)
            await reset_items(self._database, request.batch_id)
            async with self._database.write() as session:
                batch = await Batches(session).get(None, request.batch_id)
                if not BatchStatus(batch.status).terminal:
                    limit = self._settings.max_running_batches
                    await Admission(session).admit(batch, limit)
            return await self._describer.describe(request.batch_id)

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
        """Write a pause, resume, concurrency or cancel to the batch row; return its state.

        Returns None and writes nothing if the batch was redriven or has ended.
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
        """Record the failure of an item that Temporal gave up on, unless it has an outcome."""
        async with heartbeating(), self._database.write() as session:
            await Ledger(session).settle_lost(lost)

    @activity.defn(name=CLOSE_BATCH)
    @translated
    async def close_batch(self, request: CloseRequest) -> BatchResult:
        """Compare outcomes with the listing, write the manifest, and close the row; idempotent."""
        async with heartbeating():
            return await close_batch(self._database, self._store, self._settings.scratch, request)
