"""The command results: the outcome of each file of a batch."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from docmill.cli.console import Console
from docmill.cli.context import open_context
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import BatchId, HomeOption, JsonOption
from docmill.contracts.words import ItemStatus
from docmill.errors import NotFoundError, UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.base import ObjectStore
from docmill.objects.results import RESULT_FILE, result_key
from docmill.outputs.findings import TITLES, result_value, summary_line
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch

CHUNK = 1000


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
    """List the outcome of each file."""
    execute(show_results(batch_id, state, limit, as_json=as_json, home=home))


async def show_results(
    batch_id: str, state: str | None, limit: int, *, as_json: bool, home: Path | None
) -> int:
    """Print the files of one batch with their outcomes."""
    console = Console(as_json=as_json)
    wanted = _known(state) if state else None
    async with open_context(settings_of(home)) as context:
        async with context.database.read() as session:
            batch = await Batches(session).get(DEFAULT_PROJECT_ID, batch_id)
        rows = await _rows(context.database, batch, wanted, limit)
        found = await _findings(context.store, batch, rows)
    items = [_as_json(row) | found.get(row.position, {}) for row in rows]
    console.print_json(
        {"batch_id": batch.id, "job_type": batch.job_type, "total": batch.total, "items": items}
    )
    if not as_json:
        complete = len(rows) < limit or not limit
        _print(console, batch, rows, found, complete=complete)
    return Exit.OK


def _known(state: str) -> ItemStatus:
    try:
        return ItemStatus(state.lower())
    except ValueError:
        raise UsageError(
            f"No file has the status {state}.", f"Use one of {', '.join(ItemStatus)}."
        ) from None


async def _rows(
    database: Database, batch: Batch, wanted: ItemStatus | None, limit: int
) -> list[ItemRow]:
    rows: list[ItemRow] = []
    after: int | None = None
    while not limit or len(rows) < limit:
        size = min(CHUNK, limit - len(rows)) if limit else CHUNK
        async with database.read() as session:
            page = await Ledger(session).items(batch, status=wanted, after=after, limit=size)
        rows += page
        if len(page) < size:
            break
        after = page[-1].position
    return rows


async def _findings(
    store: ObjectStore, batch: Batch, rows: list[ItemRow]
) -> dict[int, dict[str, Any]]:
    """Return the short content of each result, by position; parse results have none."""
    found = {}
    for row in rows if batch.job_type in TITLES else ():
        if row.object_prefix is None:
            continue
        with suppress(NotFoundError):  # a lost result is for `verify` to report
            data = await store.get_bytes(result_key(row.object_prefix, RESULT_FILE))
            if (result := result_value(batch.job_type, data)) is not None:
                found[row.position] = {"result": result}
    return found


def _as_json(row: ItemRow) -> dict[str, Any]:
    internal = ("position", "object_prefix", "result_id", "name")
    shown = {key: value for key, value in asdict(row).items() if key not in internal}
    return shown | {"warnings": [one.model_dump(mode="json") for one in row.warnings]}


def _print(
    console: Console,
    batch: Batch,
    rows: list[ItemRow],
    found: dict[int, dict[str, Any]],
    *,
    complete: bool,
) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("FILE", "OUTCOME", "PAGES", "DETAIL"):
        table.add_column(name, overflow="fold")
    for row in rows:
        pages = "" if row.pages_total is None else str(row.pages_total)
        says = found.get(row.position)
        detail = summary_line(batch.job_type, says["result"]) if says else _detail(row)
        table.add_row(Text(row.path), row.status, pages, Text(detail))
    console.print_table(table)
    if not complete:
        console.print(f"The first {len(rows):,} of {batch.total:,}; --limit 0 shows all.")


def _detail(row: ItemRow) -> str:
    if row.failure_class:
        return f"{row.failure_class}: {row.failure_message or ''}"
    codes = ", ".join(dict.fromkeys(one.code.value for one in row.warnings))
    return "; ".join(filter(None, (row.skip_reason, "partial" if row.partial else "", codes)))
