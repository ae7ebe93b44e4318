"""Distributed Docmill: PostgreSQL, a Temporal server, two workers and the API as processes.

Workers and API reach the two servers only through proxies, so that connections can be reset,
slowed down or silenced for ever.
"""

import asyncio
import signal
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from pydantic import SecretStr

from docmill.embedded.addresses import free_port
from docmill.settings import Settings
from tests.chaos.reaper.families import children_running
from tests.chaos.reaper.files import Files
from tests.chaos.reaper.houses import LOOK_SECONDS, House
from tests.fixtures.faults import FaultProxy
from tests.fixtures.keys import SECRET_KEY
from tests.fixtures.postgres import PostgresFolder

WORKERS = ("worker-1", "worker-2")
LINKS = ("temporal reset", "temporal slow", "temporal silent", "database reset", "database slow")
SLOW = 0.05
"""Seconds each way; a claim of one item then takes half a second."""


class Distributed(House):
    """What docs/how-to/distributed.md describes, on one machine."""

    name = "distributed"
    kinds = ("worker", "api", "temporal", "postgres", "backend", "engine", "guard", *LINKS)

    def __init__(self, place: Path, files: Files, postgres: PostgresFolder) -> None:
        super().__init__(place, files)
        self.postgres = postgres
        self.temporal_port = free_port()
        self.batch_id = ""
        self._stack = AsyncExitStack()
        self._links: dict[str, FaultProxy] = {}

    @property
    def settings(self) -> Settings:
        """The home's store, and PostgreSQL."""
        return Settings(home=self.home, database_url=SecretStr(self.postgres.url))

    async def start(self) -> None:
        """Start everything, then create the batch through the API."""
        for name, port in (("temporal", self.temporal_port), ("database", self.postgres.port)):
            self._links[name] = await self._stack.enter_async_context(FaultProxy(port))
        environment = self.environment(
            DOCMILL_DATABASE_URL=self.postgres.url_at(self._links["database"].port),
            DOCMILL_SECRET_KEY=SECRET_KEY,
            TEMPORAL_ADDRESS=f"127.0.0.1:{self._links['temporal'].port}",
        )
        self.keep("postgres", *self.postgres.command, user=self.postgres.user)
        self.keep("temporal", *self._temporal())
        for worker in WORKERS:
            self.keep(worker, self.python, "worker.py", environment=environment)
        api = (self.python, "server.py", "--port", str(self.port))
        self.keep("api", *api, environment=environment)
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
        await self._stack.aclose()

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

    def strike(self, kind: str, random: Random) -> None:
        """Kill a process, or do to the links of one kind what it says."""
        if kind not in LINKS:
            super().strike(kind, random)
            return
        name, _, what = kind.partition(" ")
        link = self._links[name]
        if what == "reset":
            link.reset()
        elif what == "silent":
            link.freeze()
        else:
            link.delay = SLOW
            asyncio.get_running_loop().call_later(random.uniform(1, 3), setattr, link, "delay", 0)
