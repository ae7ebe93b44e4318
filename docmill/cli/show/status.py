"""The command status."""

from pathlib import Path

from docmill.cli.console import Voice
from docmill.cli.context import Office, open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.cli.show.warnings import batch_warnings, counts_as_json, say_warnings
from docmill.cli.snapshot import Snapshot, look_at
from docmill.contracts.words import BatchStatus
from docmill.embedded.named_server import names_server
from docmill.embedded.processes import HomeProcess
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.admission import Admission
from docmill.records.tables.batches import Batch


async def show_status(batch_id: str, *, as_json: bool, home: Path | None) -> int:
    """Print the state and the counts of one batch."""
    voice = Voice(as_json=as_json)
    async with open_office(settings_of(home)) as office:
        snapshot = await look_at(office.database, DEFAULT_PROJECT_ID, batch_id)
        warnings = await batch_warnings(office.database, snapshot.batch)
        voice.answer(snapshot.as_json() | counts_as_json(warnings))
        if not as_json:
            _print(voice, office, snapshot)
            say_warnings(voice, batch_id, warnings)
            await _print_line(voice, office, snapshot.batch)
    return Exit.OK


async def _print_line(voice: Voice, office: Office, batch: Batch) -> None:
    """Say what a batch waits for that is not its turn yet."""
    if batch.status != BatchStatus.THROTTLED:
        return
    limit = office.settings.max_running_batches
    async with office.database.read() as session:
        place = await Admission(session).place(batch, limit)
    batches = "one batch" if place == 1 else f"{place:,} batches"
    voice.say(f"Waits:   {limit:,} batches run at a time; {batches} must end before it starts.")


def _print(voice: Voice, office: Office, snapshot: Snapshot) -> None:
    batch = snapshot.batch
    voice.say(f"{batch.id}: {snapshot.state}", style="bold")
    if batch.reason:
        voice.say(f"Reason:  {batch.reason}")
    voice.say(f"Files:   {snapshot.counts()}")
    if batch.epoch > 1:
        about = f", about {batch.redrive_only} alone" if batch.redrive_only else ""
        voice.say(f"Attempt: {batch.epoch}{about}")
    for label, moment in (
        ("Created", batch.created_at),
        ("Started", batch.started_at),
        ("Ended", batch.ended_at),
    ):
        if moment is not None:
            voice.say(f"{label + ':':8} {moment:%Y-%m-%d %H:%M:%S} UTC")
    if snapshot.in_flight:
        voice.say(f"Now:     {', '.join(map(str, snapshot.in_flight))}")
    idle = not names_server(None) and not HomeProcess(office.home, "worker").alive()
    if idle and not snapshot.ended:
        voice.say("Nobody works on it now. The same run command resumes it.", style="yellow")
