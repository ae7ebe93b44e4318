"""What commands work with: settings, the home, the records and the store."""

import getpass
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from docmill.cli.console import Console
from docmill.cli.waiting import until_database_answers
from docmill.contracts.access import Actor
from docmill.embedded.home import Home
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.base import ObjectStore
from docmill.objects.open import open_store
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import Settings

if TYPE_CHECKING:
    from docmill.batches.service import BatchService
    from docmill.cli.runtime import Runtime


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The opened home of a command, with its records and its store."""

    settings: Settings
    home: Home
    database: Database
    store: ObjectStore

    def batches(self, runtime: "Runtime", actor: Actor | None = None) -> "BatchService":
        """Return the service of the batches that ``runtime`` runs.

        Args:
            runtime: the server and its workers.
            actor: who changes batches of the default project, for the audit log; None is a
                command that only looks.
        """
        from docmill.batches.service import BatchService
        from docmill.temporal.connections import TemporalLink

        link = TemporalLink(runtime.client, runtime.namespace, self.settings.temporal_namespaces)
        service = BatchService(self.database, self.store, self.settings, link)
        if actor is None:
            return service
        return service.within(self.database.scoped(DEFAULT_PROJECT_ID, actor))


def command_actor(action: str, *objects: str) -> Actor:
    """Return the user who runs this command, for the audit log; ``objects`` are what it names."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return Actor(f"cli:{user}", action, objects)


async def migrate_when_reachable(database: Database, settings: Settings) -> None:
    """Bring the schema up to date; wait for a PostgreSQL that does not answer yet.

    Standard error says what the command waits for. A file is never waited for.

    Raises:
        UsageError: the database refuses the login, is unknown, or was written by a newer Docmill.
        UnavailableError: it did not answer in ``DOCMILL_DATABASE_WAIT_SECONDS``.
    """
    seconds = 0 if database.is_sqlite else settings.database_wait_seconds
    await until_database_answers(database.migrate, Console(as_json=True), seconds)


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[CommandContext]:
    """Open home, records and store for the length of a command.

    Raises:
        UsageError: a setting is wrong or the home cannot be used.
        UnavailableError: the database did not answer in time.
    """
    if not structlog.is_configured():  # a command that shows progress: a log line would break it
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    place = Home(settings.home).create()
    database = Database.of(settings, EVERY_PROJECT)
    store = open_store(settings.store)
    try:
        await migrate_when_reachable(database, settings)
        async with database.write() as session:
            await Projects(session).ensure_default()
        yield CommandContext(settings, place, database, store)
    finally:
        store.close()
        await database.close()
