"""The command failures, and the same groups for other commands."""

from pathlib import Path
from typing import Any

from docmill.cli.console import Voice
from docmill.cli.context import open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.errors import GUIDES, FailureClass
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import FailureGroup
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch


async def show_failures(batch_id: str, *, as_json: bool, home: Path | None) -> int:
    """Print the failed files of one batch, grouped by cause."""
    voice = Voice(as_json=as_json)
    async with open_office(settings_of(home)) as office:
        async with office.database.read() as session:
            batch = await Batches(session).get(DEFAULT_PROJECT_ID, batch_id)
        groups = await failure_groups(office.database, batch)
    voice.answer({"batch_id": batch_id, "failures": [group_as_json(group) for group in groups]})
    if not as_json:
        print_groups(voice, groups)
        if not groups:
            voice.say("No file has failed.")
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


def print_groups(voice: Voice, groups: list[FailureGroup]) -> None:
    """Print each cause with an example and what to do."""
    for group in groups:
        voice.say(f"{group.failure_class} ({group.count:,})", style="bold red")
        voice.say(f"  {group.example_path}: {group.example_message}")
        voice.say(f"  {_advice(group.failure_class)}", style="dim")


def _advice(failure_class: str) -> str:
    known = failure_class in set(FailureClass)
    return GUIDES[FailureClass(failure_class)].advice if known else ""
