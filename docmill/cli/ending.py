"""What the end of a batch means for an exit code."""

from docmill.cli.exits import Exit
from docmill.cli.snapshot import Snapshot
from docmill.contracts import BatchStatus, SkipReason
from docmill.records.database import Database
from docmill.records.ledger import Ledger


async def exit_of(database: Database, snapshot: Snapshot) -> Exit:
    """Return the exit code of an ended batch: 0 only when nothing was left undone."""
    if snapshot.batch.status == BatchStatus.FAILED:
        return Exit.BATCH_FAILED
    if snapshot.batch.status == BatchStatus.CANCELLED:
        return Exit.CANCELLED
    skipped = (await skips(database, snapshot)).get(SkipReason.ALREADY_PROCESSED, 0)
    done = snapshot.tally.completed + skipped
    return Exit.OK if done == snapshot.batch.total else Exit.SOME_FAILED


async def skips(database: Database, snapshot: Snapshot) -> dict[str, int]:
    """Return how many files were skipped for each reason."""
    if not snapshot.tally.skipped:
        return {}
    async with database.read() as session:
        return await Ledger(session).skip_reasons(snapshot.batch)
