"""The command failures: failed files by cause, or warnings by code."""

from pathlib import Path
from typing import Annotated, Any

import typer

from docmill.cli.console import Console
from docmill.cli.context import open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import BatchId, HomeOption, JsonOption
from docmill.cli.show.warnings import show_warnings
from docmill.errors import GUIDES, FailureClass
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import FailureGroup
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch


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
    if warnings:
        execute(show_warnings(batch_id, as_json=as_json, home=home))
    execute(show_failures(batch_id, as_json=as_json, home=home))


async def show_failures(batch_id: str, *, as_json: bool, home: Path | None) -> int:
    """Print the failed files of one batch, grouped by cause."""
    console = Console(as_json=as_json)
    async with open_context(settings_of(home)) as context:
        async with context.database.read() as session:
            batch = await Batches(session).get(DEFAULT_PROJECT_ID, batch_id)
        groups = await failure_groups(context.database, batch)
    console.print_json(
        {"batch_id": batch_id, "failures": [group_as_json(group) for group in groups]}
    )
    if not as_json:
        print_groups(console, groups)
        if not groups:
            console.print("No file has failed.")
    return Exit.OK


async def failure_groups(database: Database, batch: Batch) -> list[FailureGroup]:
    """Return the failures of a batch by cause."""
    async with database.read() as session:
        return await Ledger(session).failure_groups(batch)


def group_as_json(group: FailureGroup) -> dict[str, Any]:
    """Return one group as ``--json`` prints it."""
    return {
        "failure_class": group.failure_class,
        "count": group.count,
        "example": {"path": group.example_path, "message": group.example_message},
        "advice": _advice(group.failure_class),
    }


def print_groups(console: Console, groups: list[FailureGroup]) -> None:
    """Print each cause with an example and what to do."""
    for group in groups:
        console.print(f"{group.failure_class} ({group.count:,})", style="bold red")
        console.print(f"  {group.example_path}: {group.example_message}")
        console.print(f"  {_advice(group.failure_class)}", style="dim")


def _advice(failure_class: str) -> str:
    known = failure_class in set(FailureClass)
    return GUIDES[FailureClass(failure_class)].advice if known else ""
