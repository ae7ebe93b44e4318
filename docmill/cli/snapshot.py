"""The state of a batch at one moment, and the exit code that its end means."""

from dataclasses import dataclass
from typing import Any

from docmill.cli.exits import Exit
from docmill.contracts.words import BatchStatus, SkipReason, Tally
from docmill.records.batches import Batches, FileInFlight
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a batch at one moment.

    Attributes:
        in_flight: the files that are being processed.
    """

    batch: Batch
    tally: Tally
    in_flight: tuple[FileInFlight, ...]

    @property
    def ended(self) -> bool:
        """Whether the batch is over."""
        return BatchStatus(self.batch.status).terminal

    @property
    def state(self) -> str:
        """The state as one word for people."""
        if self.ended:
            return self.batch.status.lower()
        if self.batch.cancel_requested:
            return "cancelling"
        return "paused" if self.batch.paused else self.batch.status.lower()

    def counts(self) -> str:
        """Return the counts in words."""
        tally = self.tally
        words = [
            f"{tally.accounted:,} of {self.batch.total:,}",
            f"{tally.completed:,} completed",
            f"{tally.failed:,} failed",
            f"{tally.skipped:,} skipped",
        ]
        if tally.cancelled:
            words.append(f"{tally.cancelled:,} cancelled")
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints of a batch."""
        batch = self.batch
        return {
            "batch_id": batch.id,
            "status": batch.status,
            "paused": batch.paused,
            "attempt": batch.epoch,
            "reason": batch.reason,
            "total": batch.total,
            **self.tally.model_dump(),
            "in_flight": [one.path for one in self.in_flight],
            "concurrency": batch.concurrency,
            "created_at": batch.created_at,
            "started_at": batch.started_at,
            "ended_at": batch.ended_at,
        }


async def read_snapshot(database: Database, project_id: str, batch_id: str) -> Snapshot:
    """Return the batch as it is now.

    Raises:
        NotFoundError: the project has no such batch.
    """
    async with database.read() as session:
        batches = Batches(session)
        batch = await batches.get(project_id, batch_id)
        in_flight = () if BatchStatus(batch.status).terminal else await batches.in_flight(batch_id)
        counts = await batches.counts([batch_id])
        return Snapshot(batch, counts[batch_id], tuple(in_flight))


async def exit_of(database: Database, snapshot: Snapshot) -> Exit:
    """Return the exit code of an ended batch.

    It is 0 only when every file completed or was processed already.
    """
    if snapshot.batch.status == BatchStatus.FAILED:
        return Exit.BATCH_FAILED
    if snapshot.batch.status == BatchStatus.CANCELLED:
        return Exit.CANCELLED
    skipped = (await skip_counts(database, snapshot)).get(SkipReason.ALREADY_PROCESSED, 0)
    done = snapshot.tally.completed + skipped
    return Exit.OK if done == snapshot.batch.total else Exit.SOME_FAILED


async def skip_counts(database: Database, snapshot: Snapshot) -> dict[str, int]:
    """Return how many files were skipped for each reason."""
    if not snapshot.tally.skipped:
        return {}
    async with database.read() as session:
        return await Ledger(session).skip_reasons(snapshot.batch)
