"""Commands that look at batches: status, watch, list, results, failures."""

from typing import Annotated

import typer

from docmill.cli.execute import perform
from docmill.cli.options import BatchId, HomeOption, JsonOption, ProfileOption


def status(batch_id: BatchId, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show state and counts of a batch."""
    from docmill.cli.show.status import show_status

    perform(show_status(batch_id, as_json=as_json, home=home))


def watch(
    batch_id: BatchId,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Follow a batch until it ends.

    Ctrl-C stops watching, not the batch. The exit code says how the batch ended, as for run.
    """
    from docmill.cli.show.watch import watch_batch

    perform(watch_batch(batch_id, as_json=as_json, profile=profile, home=home))


def list_(
    state: Annotated[
        str | None,
        typer.Option("--status", help="Only PENDING, THROTTLED, RUNNING, COMPLETED, FAILED …"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Batches at most.")] = 20,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List batches, the newest first."""
    from docmill.cli.show.batches import list_batches

    perform(list_batches(state, limit, as_json=as_json, home=home))


def results(
    batch_id: BatchId,
    state: Annotated[
        str | None,
        typer.Option("--status", help="Only pending, processing, completed, failed, skipped …"),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Files at most; 0 shows all.")] = 50,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List what became of each file."""
    from docmill.cli.show.results import show_results

    perform(show_results(batch_id, state, limit, as_json=as_json, home=home))


def failures(
    batch_id: BatchId,
    warnings: Annotated[
        bool,
        typer.Option("--warnings", help="Show warnings of completed files instead, by code."),
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show failed files, grouped by cause.

    Each cause comes with an example and with what to do.
    """
    from docmill.cli.show.failures import show_failures
    from docmill.cli.show.warnings import show_warnings

    if warnings:
        perform(show_warnings(batch_id, as_json=as_json, home=home))
    perform(show_failures(batch_id, as_json=as_json, home=home))


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(status)
    app.command()(watch)
    app.command(name="list")(list_)
    app.command()(results)
    app.command()(failures)
