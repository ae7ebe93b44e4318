"""The command status: state and counts of a batch."""

from pathlib import Path

from docmill.cli.console import Console
from docmill.cli.context import CommandContext, open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import BatchId, HomeOption, JsonOption
from docmill.cli.show.warnings import batch_warnings, counts_as_json, print_warning_counts
from docmill.cli.snapshot import Snapshot, read_snapshot
from docmill.contracts.words import BatchStatus
from docmill.embedded.addresses import names_server
from docmill.embedded.processes import HomeProcess
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.admission import Admission
from docmill.records.tables.batches import Batch


def status(batch_id: BatchId, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show state and counts of a batch."""
    execute(show_status(batch_id, as_json=as_json, home=home))


async def show_status(batch_id: str, *, as_json: bool, home: Path | None) -> int:
    """Print the state and the counts of one batch."""
    console = Console(as_json=as_json)
    async with open_context(settings_of(home)) as context:
        snapshot = await read_snapshot(context.database, DEFAULT_PROJECT_ID, batch_id)
        warnings = await batch_warnings(context.database, snapshot.batch)
        console.print_json(snapshot.as_json() | counts_as_json(warnings))
        if not as_json:
            _print(console, context, snapshot)
            print_warning_counts(console, batch_id, warnings)
            await _print_place(console, context, snapshot.batch)
    return Exit.OK


async def _print_place(console: Console, context: CommandContext, batch: Batch) -> None:
    """Print how many batches a throttled one waits for."""
    if batch.status != BatchStatus.THROTTLED:
        return
    limit = context.settings.max_running_batches
    async with context.database.read() as session:
        place = await Admission(session).place(batch, limit)
    batches = "one batch" if place == 1 else f"{place:,} batches"
    console.print(f"Waits:   {limit:,} batches run at a time; {batches} must end before it starts.")


def _print(console: Console, context: CommandContext, snapshot: Snapshot) -> None:
    batch = snapshot.batch
    console.print(f"{batch.id}: {snapshot.state}", style="bold")
    if batch.reason:
        console.print(f"Reason:  {batch.reason}")
    console.print(f"Files:   {snapshot.counts()}")
    if batch.epoch > 1:
        about = f", about {batch.redrive_only} alone" if batch.redrive_only else ""
        console.print(f"Redrive: {batch.epoch - 1}{about}")
    for label, moment in (
        ("Created", batch.created_at),
        ("Started", batch.started_at),
        ("Ended", batch.ended_at),
    ):
        if moment is not None:
            console.print(f"{label + ':':8} {moment:%Y-%m-%d %H:%M:%S} UTC")
    if snapshot.in_flight:
        console.print(f"Now:     {', '.join(map(str, snapshot.in_flight))}")
    idle = not names_server(None) and not HomeProcess(context.home, "worker").alive()
    if idle and not snapshot.ended:
        console.print(
            "No worker processes it now. The same run command resumes it.", style="yellow"
        )
