"""Docmill spread out: PostgreSQL, a Temporal server, two workers and the API, each on its own."""

import asyncio
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from pydantic import SecretStr

from docmill.embedded.ports import free_port
from docmill.settings import Settings
from tests.chaos.reaper.families import children_running
from tests.chaos.reaper.files import Files
from tests.chaos.reaper.houses import LOOK_SECONDS, House
from tests.fixtures.postgres import PostgresFolder

WORKERS = ("worker-1", "worker-2")


class Distributed(House):
    """What docs/distributed.md describes, on one machine."""

    name = "distributed"
    kinds: tuple[str, ...] = ("worker", "api", "temporal", "postgres", "backend", "engine", "guard")

    def __init__(self, place: Path, files: Files, postgres: PostgresFolder) -> None:
        super().__init__(place, files)
        self.postgres = postgres
        self.temporal_port = free_port()
        self.batch_id = ""

    @property
    def settings(self) -> Settings:
        """The home's store, and PostgreSQL."""
        return Settings(home=self.home, database_url=SecretStr(self.postgres.url))

    @property
    def temporal_address(self) -> str:
        """Where our programs reach Temporal."""
        return f"127.0.0.1:{self.temporal_port}"

    @property
    def database_url(self) -> str:
        """Where our programs reach PostgreSQL."""
        return self.postgres.url

    async def start(self) -> None:
        """Start everything, then create the batch through the API."""
        environment = self.environment(
            DOCMILL_DATABASE_URL=self.database_url, TEMPORAL_ADDRESS=self.temporal_address
        )
        self.keep("postgres", *self.postgres.command, user=self.postgres.user)
        self.keep("temporal", *self._temporal())
        for worker in WORKERS:
            self.keep(worker, self.python, "worker.py", environment=environment)
        port = str(self.port)
        self.keep("api", self.python, "server.py", "--port", port, environment=environment)
        source = {"folder": str(self.files.folder)}
        asked = {"name": "files", "source": source}
        directory = await self.ask("POST", "/api/docmill/v1/directories", json=asked)
        batch = {
            "source_directory_id": directory["id"],
            "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
        }
        self.batch_id = (await self.ask("POST", "/api/v2/batches", json=batch))["id"]

    def _temporal(self) -> list[str]:
        program = str(Path(sys.prefix) / "bin/temporal")
        port, file = str(self.temporal_port), str(self.place / "temporal.db")
        listening = ["--ip", "127.0.0.1", "--port", port, "--headless"]
        return [program, "server", "start-dev", *listening, "--db-filename", file]

    async def ended(self) -> None:
        """Ask the API until the batch has ended."""
        while True:
            batch = await self.ask("GET", f"/api/v2/batches/{self.batch_id}")
            if batch["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Stop all but the database."""
        for name in (*WORKERS, "api", "temporal"):
            await self.kept[name].stop()

    async def stop_database(self) -> None:
        """Stop the database too."""
        await self.kept["postgres"].stop(signal.SIGINT)

    def pids(self, kind: str) -> Iterable[int | None]:
        """All are ours, but for PostgreSQL's processes of single connections."""
        if kind == "worker":
            return [self.kept[name].pid for name in WORKERS]
        if kind == "backend":
            postmaster = self.kept["postgres"].pid
            return children_running(postmaster, "127.0.0.1(") if postmaster else []
        return [self.kept[kind].pid]
