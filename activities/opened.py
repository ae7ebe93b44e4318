"""What the workflow must know about its batch, read from the batch's row."""

from docmill.contracts.batches import OpenedBatch, SteeringState
from docmill.contracts.names import LOCAL_ENGINES_QUEUE, MAX_GROUP, UNGROUPED_BATCH
from docmill.contracts.words import BatchStatus, JobType, Tally
from docmill.engines.choice import engine_queue
from docmill.processing.limits import item_timeout_seconds
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from docmill.settings import Settings

GROUPS_IN_FLIGHT = 4
"""With a failure threshold, no more files are in flight than the concurrency says; that many
groups share them, so that the workers have something to do."""


class Opener:
    """Describes batches to their workflows."""

    def __init__(self, database: Database, settings: Settings, *, attributes: bool) -> None:
        self._database = database
        self._settings = settings
        self._attributes = attributes

    async def describe(self, batch_id: str) -> OpenedBatch:
        """Return the batch as it is now; one that begins a further attempt with what is settled."""
        async with self._database.read() as session:
            batch = await Batches(session).get(None, batch_id)
            again = batch.epoch > 1
            settled = await Ledger(session).tally(batch) if again else Tally()
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
    """Return how many of a batch's ``items`` may share an activity at most."""
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
    """Return what the row of a batch says that its workflow must follow."""
    cancelled = batch.cancel_requested or batch.status == BatchStatus.CANCELLED
    return SteeringState(
        paused=batch.paused,
        concurrency=batch.concurrency,
        cancel_reason=(batch.reason or "cancelled on request") if cancelled else None,
        drain=batch.drain,
    )
