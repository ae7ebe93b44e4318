"""What commands work with: settings, the home, the records and the store."""

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.contracts.access import Actor
from docmill.embedded.home import Home
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

    def batches(self, runtime: "Runtime") -> "BatchService":
        """Return the service of the batches that ``runtime`` runs."""
        from docmill.batches.service import BatchService
        from docmill.temporal.connections import TemporalLink

        link = TemporalLink(runtime.client, runtime.namespace, self.settings.temporal_namespaces)
        return BatchService(self.database, self.store, self.settings, link)


def command_actor(action: str) -> Actor:
    """Return the user who runs this command, for the audit log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return Actor(f"cli:{user}", action)


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[CommandContext]:
    """Open home, records and store for the length of a command.

    Raises:
        UsageError: a setting is wrong or the home cannot be used.
        UnavailableError: the database cannot be reached.
    """
    place = Home(settings.home).create()
    database = Database.of(settings, EVERY_PROJECT)
    store = open_store(settings.store)
    try:
        await database.migrate()
        async with database.write() as session:
            await Projects(session).ensure_default()
        yield CommandContext(settings, place, database, store)
    finally:
        store.close()
        await database.close()
