"""A complete Docmill in its own folder, in this process or as separate processes."""

import asyncio
import os
import resource
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bench.harness import SLOTS
from docmill.batches.service import BatchService
from docmill.client import BatchClient
from docmill.contracts.batches import BatchResult, BatchSpec
from docmill.embedded.connect import connect_to
from docmill.embedded.home import Home
from docmill.embedded.server import EmbeddedServer
from docmill.ids import Prefix, new_id
from docmill.objects.open import open_store
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Project
from docmill.settings import APPLICATION, Settings
from docmill.temporal.connections import TemporalLink
from docmill.temporal.payloads import data_converter


@dataclass(frozen=True)
class Mill:
    """Server, database and clients of a measurement; each measurement starts its own workers."""

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

    async def new_project(self) -> str:
        """Create another project; return its id."""
        project_id = new_id(Prefix.PROJECT)
        async with self.database.write() as session:
            session.add(Project(id=project_id, name="another", organization_id="org-bench"))
        return project_id

    async def history(self, batch_id: str) -> tuple[int, int]:
        """Return the number of events and of bytes in the histories of all runs of a batch."""
        events = size = 0
        run = (await self.temporal.get_workflow_handle(batch_id).describe()).raw_description
        first: str | None = run.workflow_execution_info.first_run_id
        while first:
            handle = self.temporal.get_workflow_handle(batch_id, run_id=first)
            history = await handle.fetch_history()
            events += len(history.events)
            size += sum(event.ByteSize() for event in history.events)
            last = history.events[-1]
            first = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return events, size


@asynccontextmanager
async def docmill(folder: Path, slots: int = SLOTS, **changes: Any) -> AsyncIterator[Mill]:
    """Start the embedded server, and open the database of a home below ``folder``.

    Args:
        folder: of the home.
        slots: engine slots of a worker in this process.
        changes: of the settings.
    """
    settings = Settings(home=folder / "home", engine_slots=slots, log_level="ERROR", **changes)
    home = Home(settings.home)
    home.create()
    server = EmbeddedServer(home)
    database = Database(settings.database, EVERY_PROJECT)
    try:
        temporal = await connect_to((await server.ensure()).grpc, data_converter(settings))
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


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds of a program, and CPU seconds including all its children."""

    wall: float
    cpu: float


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a command on a home, without this process's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCMILL_", "TEMPORAL_"))}
    mine = {"DOCMILL_HOME": str(home), "DOCMILL_ENGINE_SLOTS": str(SLOTS)}
    return kept | mine | settings


async def time_program(*command: str | Path, env: dict[str, str] | None = None) -> Spent:
    """Run a program to its end, with nothing else running.

    Raises:
        RuntimeError: it ended with an error.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    program = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=DEVNULL, stderr=asyncio.subprocess.PIPE, env=env
    )
    _, errors = await program.communicate()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if program.returncode:
        raise RuntimeError(
            f"{command[0]} ended with {program.returncode}: {errors.decode()[-500:]}"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu)


async def time_run(home: Path, folder: Path, *options: str) -> Spent:
    """Time ``starter.py run`` on ``folder``; its output folder is next to the home.

    Raises:
        RuntimeError: a file did not complete.
    """
    starter = APPLICATION / "starter.py"
    out = home.with_name(f"{home.name}-out")
    command: tuple[str | Path, ...] = (starter, "run", folder, "--out", out, *options)
    return await time_program(sys.executable, *command, env=environment(home))
