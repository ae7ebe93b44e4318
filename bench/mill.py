"""A whole Docmill in a folder of its own, as `starter.py up` would have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from docmill.batches import BatchService
from docmill.client import BatchClient
from docmill.contracts import BatchResult, BatchSpec
from docmill.embedded.connect import connect_to
from docmill.embedded.home import Home
from docmill.embedded.server import EmbeddedServer
from docmill.objects import open_store
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.tables import Batch
from docmill.settings import Settings
from docmill.temporal_link import TemporalLink


@dataclass(frozen=True)
class Mill:
    """What a measurement drives."""

    temporal: Client
    settings: Settings
    database: Database
    client: BatchClient
    service: BatchService

    async def start(self, folder: Path, **spec: Any) -> Batch:
        """Create and start a batch over ``folder``."""
        batch, _ = await self.service.create(BatchSpec(folder=str(folder), **spec))
        await self.service.start(batch)
        return batch

    async def run(self, folder: Path, **spec: Any) -> tuple[Batch, BatchResult]:
        """Run a batch to its end."""
        batch = await self.start(folder, **spec)
        return batch, await self.client.result(batch.id)


@asynccontextmanager
async def docmill(folder: Path, slots: int) -> AsyncIterator[Mill]:
    """Start the embedded server and the database; a worker comes with each measurement."""
    settings = Settings(home=folder / "home", engine_slots=slots, log_level="ERROR")
    home = Home(settings.home)
    home.create()
    server = EmbeddedServer(home)
    database = Database(settings.database)
    try:
        temporal = await connect_to((await server.ensure()).grpc)
        await database.migrate()
        async with database.write() as session:
            await Projects(session).ensure_default()
        client = BatchClient(temporal)
        service = BatchService(
            database, open_store(settings.store), settings, TemporalLink.over(temporal)
        )
        yield Mill(temporal, settings, database, client, service)
    finally:
        await database.close()
        await server.stop()
