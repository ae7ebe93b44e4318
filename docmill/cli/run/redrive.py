"""The command redrive: run again what an ended batch did not complete."""

from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from docmill.cli.console import Console
from docmill.cli.context import command_actor, open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import (
    BatchId,
    HomeOption,
    JsonOption,
    ProfileOption,
    StrictOption,
    program,
    words_of,
)
from docmill.cli.run.export import follow_and_export
from docmill.cli.run.job_parameters import read_parameters
from docmill.cli.run.output_folder import OUT_ROOT
from docmill.cli.run.summary import print_summary, summary_of
from docmill.cli.runtime import open_runtime
from docmill.cli.snapshot import read_snapshot
from docmill.cli.waiting import until_database_answers
from docmill.contracts.batches import RedriveRequest
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.places import place_of
from docmill.outputs.destinations import Destination, destination_of
from docmill.records.scans import ScanSummary
from docmill.records.tables.batches import Batch
from docmill.settings import Settings


def redrive(
    batch_id: BatchId,
    *,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Only the files of one failure class, as failures shows them; also cancelled and "
            "size_limit_exceeded.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML or JSON: parameters that change for these files."),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="Another tier for these files.")] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DEST", help="Where results go.  [default: where run put them]"),
    ] = None,
    strict: StrictOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Run again what an ended batch did not complete.

    Takes the files that failed, were cancelled or were too large, and leaves all others as they
    are. The batch stays the same one; its earlier outcomes are kept. The exit code says how it
    ended, as for run.
    """
    from docmill.contracts.batches import RedriveRequest

    request = RedriveRequest(
        only=only, parameters=parameters_of(config, tier), strict=words_of(strict)
    )
    execute(run_again(batch_id, request, out, as_json=as_json, profile=profile, home=home))


def parameters_of(config: Path | None, tier: str | None) -> dict[str, Any]:
    """Return the parameters that change, from a file and from the command line.

    Raises:
        UsageError: the file cannot be read.
    """
    return (read_parameters(config) if config else {}) | ({"tier": tier} if tier else {})


async def run_again(
    batch_id: str,
    request: RedriveRequest,
    out: str | None,
    *,
    as_json: bool,
    profile: str | None,
    home: Path | None,
) -> int:
    """Redrive one batch; return the exit code for its outcome."""
    console = Console(as_json=as_json)
    work = _run_again(console, batch_id, request, out=out, profile=profile, home=home)
    code = await until_interrupted(work, console.print_stopping)
    if code is None:
        console.print(f"Interrupted. The batch {batch_id} is kept.", style="bold")
        console.print(f"Continue it:  {program()} watch {batch_id}")
        return Exit.INTERRUPTED
    return code


async def _run_again(
    console: Console,
    batch_id: str,
    request: RedriveRequest,
    *,
    out: str | None,
    profile: str | None,
    home: Path | None,
) -> int:
    began = monotonic()
    async with open_context(settings_of(home)) as context:
        batch = (await read_snapshot(context.database, DEFAULT_PROJECT_ID, batch_id)).batch
        destination = _out_of(batch, out, context.settings)
        async with open_runtime(context.settings, profile, console.print) as runtime:
            service = context.batches(runtime, command_actor("redrive_batch", batch_id))
            batch = await service.redrive(batch, request)
            console.print(f"Batch {batch.id}: redrive {batch.epoch - 1}.", style="bold")
            await service.start(batch)
            temporal = await runtime.connection()
            listed = ScanSummary(batch.total, 0, 0)
            snapshot, findings = await follow_and_export(
                context, service, batch, destination, console, temporal=temporal, listed=listed
            )
        page = temporal.page_of(batch_id)
        seconds = monotonic() - began
        summary = partial(
            summary_of,
            context.database,
            snapshot,
            destination.location,
            page=page,
            seconds=seconds,
            findings=findings,
        )
        ending = await until_database_answers(summary, console)
    console.print_json(ending.as_json())
    print_summary(console, ending)
    return ending.code


def _out_of(batch: Batch, out: str | None, settings: Settings) -> Destination:
    """Return the destination of the results: as named, else where the run put them."""
    place = place_of(out or batch.out or str(OUT_ROOT / batch.id))
    return destination_of(place, settings.scratch)
