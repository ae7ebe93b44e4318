"""The command results."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from docmill.cli.exits import Exit
from docmill.cli.office import open_office
from docmill.cli.voice import Voice
from docmill.contracts import ItemStatus
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables import Batch

CHUNK = 1000


async def show_results(
    batch_id: str, state: str | None, limit: int, *, as_json: bool, home: Path | None
) -> int:
    """Print the files of one batch and what became of each."""
    voice = Voice(as_json=as_json)
    wanted = _known(state) if state else None
    async with open_office(home) as office:
        async with office.database.read() as session:
            batch = await Batches(session).get(DEFAULT_PROJECT_ID, batch_id)
        rows = await _rows(office.database, batch, wanted, limit)
    voice.answer({"batch_id": batch.id, "total": batch.total, "items": list(map(_as_json, rows))})
    if not as_json:
        _print(voice, batch, rows, complete=len(rows) < limit or not limit)
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


def _as_json(row: ItemRow) -> dict[str, Any]:
    internal = ("position", "object_prefix", "result_id", "name")
    return {key: value for key, value in asdict(row).items() if key not in internal}


def _print(voice: Voice, batch: Batch, rows: list[ItemRow], *, complete: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("FILE", "OUTCOME", "PAGES", "DETAIL"):
        table.add_column(name, overflow="fold")
    for row in rows:
        pages = "" if row.pages_total is None else str(row.pages_total)
        table.add_row(row.path, row.status, pages, _detail(row))
    voice.table(table)
    if not complete:
        voice.say(f"The first {len(rows):,} of {batch.total:,}; --limit 0 shows all.")


def _detail(row: ItemRow) -> str:
    if row.failure_class:
        return f"{row.failure_class}: {row.failure_message or ''}"
    return row.skip_reason or ("partial" if row.partial else "")
