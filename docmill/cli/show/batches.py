"""The command list: the newest batches."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from docmill.cli.console import Console
from docmill.cli.context import open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption
from docmill.cli.snapshot import Snapshot
from docmill.contracts.words import BatchStatus
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches

ID_WIDTH = 40
"""Ids are copied into the next command: they are never cut."""


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
    execute(list_batches(state, limit, as_json=as_json, home=home))


async def list_batches(state: str | None, limit: int, *, as_json: bool, home: Path | None) -> int:
    """Print the newest batches."""
    console = Console(as_json=as_json)
    wanted = _known(state) if state else None
    async with open_context(settings_of(home)) as context, context.database.read() as session:
        batches = Batches(session)
        rows = (await batches.list(DEFAULT_PROJECT_ID, status=wanted, limit=limit)).items
        counts = await batches.counts([row.id for row in rows])
    looks = [Snapshot(row, counts[row.id], ()) for row in rows]
    console.print_json({"batches": [look.as_json() for look in looks]})
    if not as_json:
        _print(console, looks)
    return Exit.OK


def _known(state: str) -> BatchStatus:
    try:
        return BatchStatus(state.upper())
    except ValueError:
        raise UsageError(
            f"No batch has the status {state}.", f"Use one of {', '.join(BatchStatus)}."
        ) from None


def _print(console: Console, looks: list[Snapshot]) -> None:
    if not looks:
        console.print("No batches.")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("ID", no_wrap=True, min_width=ID_WIDTH)
    for name in ("STATE", "DONE", "FAILED", "CREATED (UTC)"):
        table.add_column(name, overflow="fold")
    for look in looks:
        tally = look.tally
        table.add_row(
            look.batch.id,
            look.state,
            f"{tally.completed + tally.skipped:,} of {look.batch.total:,}",
            f"{tally.failed:,}",
            f"{look.batch.created_at:%m-%d %H:%M}",
        )
    console.print_table(table)
