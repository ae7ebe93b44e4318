"""A batch with its live counts, from the database."""

from datetime import UTC, datetime

from docmill.api.batches.live_schemas import Counts, LiveBatch
from docmill.api.beta_batch.views import progress
from docmill.api.core.services import Services
from docmill.contracts.words import ItemStatus
from docmill.records.batches import Batches
from docmill.records.ledger_reads import LedgerReads
from docmill.records.tables.batches import Batch
from docmill.records.warning_counts import warnings_of


async def live_view(services: Services, batch: Batch) -> LiveBatch:
    """Return ``batch`` with its counts of this moment."""
    async with services.database.read() as session:
        tally = (await Batches(session).counts([batch.id]))[batch.id]
        in_flight = [one.path for one in await Batches(session).in_flight(batch.id)]
        warnings = await warnings_of(session, batch)
        processing = await LedgerReads(session).count(batch, ItemStatus.PROCESSING)
    counts = Counts(
        pending=max(0, batch.total - tally.accounted - processing),
        processing=processing,
        **tally.model_dump(),
    )
    fields = {name: getattr(batch, name, None) for name in LiveBatch.model_fields}
    fields |= {
        "counts": counts,
        "progress_percentage": progress(batch, tally),
        "rate": _rate(batch, tally.accounted - batch.settled_before),
        "in_flight": in_flight,
        "files_with_warnings": warnings.files,
        "warnings": warnings.counts,
    }
    return LiveBatch.model_validate(fields)


def _rate(batch: Batch, ran: int) -> float:
    if batch.started_at is None:
        return 0.0
    seconds = ((batch.ended_at or datetime.now(UTC)) - batch.started_at).total_seconds()
    return round(max(0, ran) / seconds, 3) if seconds > 0 else 0.0
