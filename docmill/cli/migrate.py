"""The command migrate: the schema of the records database, before the first process starts."""

from pathlib import Path

from docmill.cli.console import Console
from docmill.cli.context import migrate_when_reachable
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption
from docmill.records.database import Database
from docmill.records.migrations import HEAD
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT


def migrate(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Bring the records database up to date.

    Workers and the API do the same when they start. Run it before them where that is a step of its
    own, for example once for all containers of a deployment. It may be repeated.
    """
    execute(bring_up_to_date(as_json=as_json, home=home))


async def bring_up_to_date(*, as_json: bool, home: Path | None) -> int:
    """Migrate the database of these settings, and print its version.

    Raises:
        UsageError: the database was written by a newer Docmill.
        UnavailableError: it cannot be reached.
    """
    console = Console(as_json=as_json)
    settings = settings_of(home)
    database = Database.of(settings, EVERY_PROJECT)
    try:
        await migrate_when_reachable(database, settings)
        async with database.write() as session:
            await Projects(session).ensure_default()
    finally:
        await database.close()
    console.print_json({"schema": HEAD})
    if not as_json:
        console.print(f"The records database has the schema {HEAD}.")
    return Exit.OK
