"""Staying with a batch to its end, exporting what gets finished."""

from pathlib import Path

from docmill.batches.service import BatchService
from docmill.cli.console import Voice
from docmill.cli.context import Office
from docmill.cli.follow import follow
from docmill.cli.progress import view_for
from docmill.cli.run.export import exporting
from docmill.cli.runtime import Connection
from docmill.cli.snapshot import Snapshot
from docmill.outputs.findings import Findings
from docmill.records.scans import ScanSummary
from docmill.records.tables.batches import Batch


async def attend(
    office: Office,
    service: BatchService,
    batch: Batch,
    out: Path,
    voice: Voice,
    *,
    temporal: Connection,
    listed: ScanSummary,
) -> tuple[Snapshot, Findings]:
    """Show the batch until it has ended, with its results in ``out``.

    Returns:
        The last look at it, and what its results say.

    Args:
        office: where the batch is.
        service: notices when nothing runs it.
        batch: it.
        out: the folder of the results.
        voice: shows and tells.
        temporal: where it runs.
        listed: what the listing found, for files that have vanished.
    """
    page = temporal.page_of(batch.id)
    voice.say(f"Temporal: {page or f'workflow {batch.id} on {temporal.address}'}")
    async with exporting(office, batch, out, voice) as export:
        with view_for(voice) as view:
            snapshot = await follow(
                office.database, service, batch, view, voice=voice, on_look=export.check
            )
        await export.finish(listed.vanished, listed.vanished_count)
    return snapshot, export.findings
