"""Commands that steer a running batch: cancel, pause, resume, concurrency."""

from typing import Annotated

import typer

from docmill.cli.options import BatchId, HomeOption, ProfileOption
from docmill.cli.performing import perform


def cancel(
    batch_id: BatchId,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the batch.")] = "",
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Stop a batch; finished results stay."""
    from docmill.cli.steering import cancel_batch

    perform(cancel_batch(batch_id, reason, profile=profile, home=home))


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


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (cancel, pause, resume, concurrency):
        app.command()(command)
