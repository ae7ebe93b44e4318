"""The command failures --warnings, and the same counts for other commands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.cli.console import Console
from docmill.cli.context import open_context
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.contracts.warnings import WARNING_GUIDES, WarningCode, WarningKind, kind_of
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.outputs.formats import plural
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from docmill.records.warning_counts import BatchWarnings, WarningCount, warnings_of

_STYLES = {WarningKind.LOSS: "bold yellow", WarningKind.DOUBT: "bold", WarningKind.NOTE: "dim"}


@dataclass(frozen=True, slots=True)
class WarningGroup:
    """Files with one code, and the first of them as the example."""

    code: WarningCode
    files: int
    example_path: str
    example_message: str

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "code": self.code.value,
            "kind": kind_of(self.code).value,
            "files": self.files,
            "example": {"path": self.example_path, "message": self.example_message},
            "meaning": WARNING_GUIDES[self.code].meaning,
        }


async def show_warnings(batch_id: str, *, as_json: bool, home: Path | None) -> int:
    """Print the warnings of one batch's files, grouped by code: losses first, notes last."""
    console = Console(as_json=as_json)
    async with open_context(settings_of(home)) as context, context.database.read() as session:
        batch = await Batches(session).get(DEFAULT_PROJECT_ID, batch_id)
        found = await warnings_of(session, batch)
        ledger = Ledger(session)
        groups = [await _group(ledger, batch, one) for one in _ranked(found)]
    answer = {"batch_id": batch_id, "warnings": [group.as_json() for group in groups]}
    console.print_json(answer | {"files_with_warnings": found.files})
    if not as_json:
        _print(console, groups)
    return Exit.OK


async def batch_warnings(database: Database, batch: Batch) -> BatchWarnings:
    """Return the counts of a batch's warnings as they are now."""
    async with database.read() as session:
        return await warnings_of(session, batch)


def counts_as_json(found: BatchWarnings) -> dict[str, Any]:
    """Return what ``--json`` prints of a batch's warnings."""
    return {"files_with_warnings": found.files, "warnings": found.counts}


def print_warning_counts(console: Console, batch_id: str, found: BatchWarnings) -> None:
    """Say how many files are complete with a loss or a doubt, and by which code."""
    if not found.files:
        return
    named = [one for one in _ranked(found) if kind_of(one.code) is not WarningKind.NOTE]
    parts = ", ".join(f"{one.files:,} {WARNING_GUIDES[one.code].files}" for one in named)
    console.print(f"{plural(found.files, 'file')} completed with warnings: {parts}", style="yellow")
    console.print(f"See them:  starter.py failures {batch_id} --warnings")


def _ranked(found: BatchWarnings) -> list[WarningCount]:
    kinds = list(WarningKind)
    return sorted(found.by_code, key=lambda one: kinds.index(kind_of(one.code)))


async def _group(ledger: Ledger, batch: Batch, one: WarningCount) -> WarningGroup:
    (row,) = await ledger.items(batch, after=one.first_position - 1, limit=1)
    messages = (known.message for known in row.warnings if known.code is one.code)
    return WarningGroup(one.code, one.files, row.path, next(messages, ""))


def _print(console: Console, groups: list[WarningGroup]) -> None:
    if not groups:
        console.print("No file has warnings.")
    for group in groups:
        kind = kind_of(group.code)
        console.print(f"{group.code} ({kind}): {plural(group.files, 'file')}", style=_STYLES[kind])
        console.print(f"  {group.example_path}: {group.example_message}")
        console.print(f"  {WARNING_GUIDES[group.code].meaning}", style="dim")
