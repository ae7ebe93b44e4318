"""The command redrive: another attempt of an ended batch, followed to its end."""

from pathlib import Path
from time import monotonic
from typing import Any

from docmill.cli.console import Voice
from docmill.cli.context import open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import program
from docmill.cli.run.follow import attend
from docmill.cli.run.job_parameters import read_parameters
from docmill.cli.run.output_folder import OUT_ROOT
from docmill.cli.run.summary import ending_of, print_ending
from docmill.cli.runtime import open_runtime
from docmill.cli.snapshot import look_at
from docmill.contracts.batches import RedriveRequest
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.scans import ScanSummary
from docmill.records.tables.batches import Batch


def parameters_of(config: Path | None, tier: str | None) -> dict[str, Any]:
    """Return the parameters that change, from a file and from the command line.

    Raises:
        UsageError: the file cannot be read.
    """
    return (read_parameters(config) if config else {}) | ({"tier": tier} if tier else {})


async def run_again(
    batch_id: str,
    request: RedriveRequest,
    out: Path | None,
    *,
    as_json: bool,
    profile: str | None,
    home: Path | None,
) -> int:
    """Redrive one batch; return the command's exit code, which says how the batch ended."""
    voice = Voice(as_json=as_json)
    work = _run_again(voice, batch_id, request, out=out, profile=profile, home=home)
    code = await until_interrupted(work, voice.say_stopping)
    if code is None:
        voice.say(f"Interrupted. The batch {batch_id} is kept.", style="bold")
        voice.say(f"Go on with it:  {program()} watch {batch_id}")
        return Exit.INTERRUPTED
    return code


async def _run_again(
    voice: Voice,
    batch_id: str,
    request: RedriveRequest,
    *,
    out: Path | None,
    profile: str | None,
    home: Path | None,
) -> int:
    began = monotonic()
    async with open_office(settings_of(home)) as office:
        batch = (await look_at(office.database, DEFAULT_PROJECT_ID, batch_id)).batch
        folder = _out_of(batch, out)
        async with open_runtime(office.settings, profile, voice.say) as runtime:
            service = office.batches(runtime)
            batch = await service.redrive(batch, request)
            voice.say(f"Batch {batch.id}: attempt {batch.epoch}.", style="bold")
            await service.start(batch)
            temporal = await runtime.connection()
            listed = ScanSummary(batch.total, 0, 0)
            snapshot, findings = await attend(
                office, service, batch, folder, voice, temporal=temporal, listed=listed
            )
        page = temporal.page_of(batch_id)
        seconds = monotonic() - began
        ending = await ending_of(
            office.database, snapshot, folder, page=page, seconds=seconds, findings=findings
        )
    voice.answer(ending.as_json())
    print_ending(voice, ending)
    return ending.code


def _out_of(batch: Batch, out: Path | None) -> Path:
    """Return the folder of the results: as named, else where the run put them."""
    folder = (out or Path(batch.out or OUT_ROOT / batch.id)).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", "Name a folder for --out.")
    return folder
