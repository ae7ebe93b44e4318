"""The life of a batch: open, changes of state, items that were lost, the end."""

from datetime import UTC, datetime

from temporalio import activity

from activities.failing import translated
from activities.heartbeats import heartbeating
from docmill.choosing import engine_queue
from docmill.closing import close_batch
from docmill.contracts import (
    CLOSE_BATCH,
    OPEN_BATCH,
    RECORD_LOST_ITEM,
    RECORD_STATE,
    BatchResult,
    BatchStatus,
    CloseRequest,
    JobType,
    LostItem,
    OpenedBatch,
    OpenRequest,
    StateChange,
)
from docmill.creation import create_batch
from docmill.item_limits import item_timeout_seconds
from docmill.objects import ObjectStore
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables import Batch
from docmill.settings import Settings


class Recording:
    """Writes what happens to a batch as a whole."""

    def __init__(
        self, database: Database, store: ObjectStore, settings: Settings, *, attributes: bool
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._attributes = attributes

    @activity.defn(name=OPEN_BATCH)
    @translated
    async def open_batch(self, request: OpenRequest) -> OpenedBatch:
        """Make the batch RUNNING; one that a program started without a row gets its row here."""
        async with heartbeating():
            if request.spec is not None:
                await create_batch(
                    self._database,
                    self._settings,
                    request.spec,
                    id=request.batch_id,
                    api="temporal",
                    namespace=activity.info().workflow_namespace,
                )
            async with self._database.write() as session:
                batches = Batches(session)
                await batches.move(
                    request.batch_id,
                    BatchStatus.RUNNING,
                    from_=(BatchStatus.PENDING, BatchStatus.THROTTLED),
                    started_at=datetime.now(UTC),
                )
                return self._opened(await batches.get(None, request.batch_id))

    def _opened(self, batch: Batch) -> OpenedBatch:
        cancelled = batch.cancel_requested or batch.status == BatchStatus.CANCELLED
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
            paused=batch.paused,
            cancel_reason=(batch.reason or "cancelled on request") if cancelled else None,
        )

    @activity.defn(name=RECORD_STATE)
    @translated
    async def record_state(self, change: StateChange) -> None:
        """Write a pause, a resume, a new concurrency or a cancel to the batch row."""
        fields = change.model_dump(include={"paused", "concurrency"}, exclude_none=True)
        if change.cancel_reason is not None:
            fields |= {"cancel_requested": True, "reason": change.cancel_reason}
        async with heartbeating(), self._database.write() as session:
            await Batches(session).set_state(change.batch_id, **fields)

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
