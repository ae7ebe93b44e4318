"""Commands that steer a batch: cancel, pause, resume, concurrency, redrive."""

from pathlib import Path
from typing import Annotated

import typer

from docmill.cli.execute import perform
from docmill.cli.options import (
    BatchId,
    HomeOption,
    JsonOption,
    ProfileOption,
    StrictCommand,
    StrictOption,
    words_of,
)


def cancel(
    batch_id: BatchId,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the batch.")] = "",
    drain: Annotated[
        bool, typer.Option("--drain", help="Let the files in flight end; nothing is stopped.")
    ] = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Stop a batch; finished results stay."""
    from docmill.cli.steering import cancel_batch

    perform(cancel_batch(batch_id, reason, drain=drain, profile=profile, home=home))


def pause(batch_id: BatchId, profile: ProfileOption = None, home: HomeOption = None) -> None:
    """Start no more files until resumed.

    Files in flight end. A paused batch stays paused across restarts of everything.
    """
    from docmill.cli.steering import pause_batch

    perform(pause_batch(batch_id, profile=profile, home=home))


def resume(batch_id: BatchId, profile: ProfileOption = None, home: HomeOption = None) -> None:
    """Let a paused batch go on."""
    from docmill.cli.steering import resume_batch

    perform(resume_batch(batch_id, profile=profile, home=home))


def concurrency(
    batch_id: BatchId,
    number: Annotated[int, typer.Argument(metavar="N", min=1, max=256, help="Files in flight.")],
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Change how many files are in flight."""
    from docmill.cli.steering import change_concurrency

    perform(change_concurrency(batch_id, number, profile=profile, home=home))


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
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.  [default: where run put them]"),
    ] = None,
    strict: StrictOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Run again what an ended batch did not complete.

    Takes the files that failed, were cancelled or were too large, and leaves all others as they
    are. The batch stays the same one; its earlier attempts are kept. The exit code says how it
    ended, as for run.
    """
    from docmill.cli.run.redrive import parameters_of, run_again
    from docmill.contracts.batches import RedriveRequest

    request = RedriveRequest(
        only=only, parameters=parameters_of(config, tier), strict=words_of(strict)
    )
    perform(run_again(batch_id, request, out, as_json=as_json, profile=profile, home=home))


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (cancel, pause, resume, concurrency):
        app.command()(command)
    app.command(cls=StrictCommand)(redrive)
