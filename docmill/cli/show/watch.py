"""The command watch: follow a batch until it ends."""

from functools import partial
from pathlib import Path

from docmill.cli.console import Console
from docmill.cli.context import open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.follow import follow
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import BatchId, HomeOption, JsonOption, ProfileOption
from docmill.cli.progress import view_for
from docmill.cli.runtime import open_runtime
from docmill.cli.show.warnings import batch_warnings, counts_as_json, print_warning_counts
from docmill.cli.snapshot import exit_of, read_snapshot
from docmill.cli.waiting import until_database_answers
from docmill.ids import DEFAULT_PROJECT_ID


def watch(
    batch_id: BatchId,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    home: HomeOption = None,
) -> None:
    """Follow a batch until it ends.

    Ctrl-C stops watching, not the batch. The exit code says how the batch ended, as for run.
    """
    execute(watch_batch(batch_id, as_json=as_json, profile=profile, home=home))


async def watch_batch(
    batch_id: str, *, as_json: bool, profile: str | None, home: Path | None
) -> int:
    """Follow one batch until it ends; return the exit code for its outcome."""
    console = Console(as_json=as_json)
    code = await until_interrupted(_watch(console, batch_id, profile, home), console.print_stopping)
    if code is None:
        console.print(f"Stopped watching {batch_id}: the batch is kept.")
    return Exit.INTERRUPTED if code is None else code


async def _watch(console: Console, batch_id: str, profile: str | None, home: Path | None) -> int:
    async with open_context(settings_of(home)) as context:
        snapshot = await read_snapshot(context.database, DEFAULT_PROJECT_ID, batch_id)
        if not snapshot.ended:
            async with open_runtime(context.settings, profile, console.print) as runtime:
                page = (await runtime.connection()).page_of(batch_id)
                console.print(f"Temporal: {page or runtime.namespace}")
                service = context.batches(runtime)
                with view_for(console) as view:
                    snapshot = await follow(
                        context.database, service, snapshot.batch, view, console=console
                    )
        console.print(f"{batch_id}: {snapshot.state}, {snapshot.counts()}")
        counts = partial(batch_warnings, context.database, snapshot.batch)
        warnings = await until_database_answers(counts, console)
        print_warning_counts(console, batch_id, warnings)
        console.print_json(snapshot.as_json() | counts_as_json(warnings))
        code = partial(exit_of, context.database, snapshot)
        return await until_database_answers(code, console)
