"""Recovery time after kill -9 of the worker, and duration of a cancel.

    .venv/bin/python -m bench.recovery [ROUNDS]

Each round: a batch of one-second items on two slots; the worker is killed and started again; then
the batch is cancelled. Printed: median and worst over the rounds, in seconds.
"""

import asyncio
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from docmill.batches.service import BatchService
from docmill.contracts.batches import BatchSpec
from docmill.contracts.words import BatchStatus
from docmill.objects.open import open_store
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from docmill.settings import Settings
from docmill.temporal.connections import TemporalLink
from docmill.temporal.payloads import PLAIN
from docmill.testing import mock_engine
from worker import running_worker

ITEMS = 60
TEMPORAL = str(Path(sys.prefix) / "bin/temporal")


def settings_of(home: Path) -> Settings:
    """Return settings with a temporary home and two slots."""
    return Settings(home=home, database_url=SecretStr(""), engine_slots=2, sandbox="off")


async def work(address: str, home: Path) -> None:
    """Run as the worker that is killed."""
    client = await Client.connect(address, data_converter=PLAIN)
    async with running_worker(client, settings_of(home), mock_engine.MODULE):
        await asyncio.Event().wait()


@asynccontextmanager
async def worker(address: str, home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a worker process and kill it -9 at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.recovery", "--worker", address, str(home)
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Poll a condition every 20 ms until it is true."""
    async with asyncio.timeout(120):
        while not await condition():
            await asyncio.sleep(0.02)


class Round:
    """One batch, one kill, one cancel."""

    def __init__(self, client: Client, home: Path) -> None:
        settings = settings_of(home)
        self.home = home
        self.client = client
        self.database = Database(settings.database, EVERY_PROJECT)
        store = open_store(settings.store)
        self.service = BatchService(self.database, store, settings, TemporalLink.over(client))

    async def items(self, batch: Batch) -> list[ItemRow]:
        """The ledger."""
        async with self.database.read() as session:
            return await Ledger(session).walk(batch, 0, ITEMS)

    async def run(self, address: str) -> dict[str, float]:
        """Return the seconds from each event to its consequence."""
        folder = self.home / "in"
        folder.mkdir()
        for number in range(ITEMS):
            command = {"do": "sleep", "seconds": 1}
            (folder / f"{number:03}.txt").write_text(f"{json.dumps(command)}\n{number}\n")
        async with worker(address, self.home):
            await until(self._migrated)
            batch, _ = await self.service.create(BatchSpec(folder=str(folder), concurrency=10))
            await self.service.start(batch)
            await until(lambda: self._done(batch, 4))
        killed = datetime.now(UTC)
        async with worker(address, self.home):
            measured = await self._recovery(batch, killed)
            return measured | await self._cancel(batch)

    async def _migrated(self) -> bool:
        return (self.home / "scratch").exists()

    async def _done(self, batch: Batch, count: int) -> bool:
        return sum(item.status == "completed" for item in await self.items(batch)) >= count

    async def _recovery(self, batch: Batch, killed: datetime) -> dict[str, float]:
        found: dict[str, float] = {}

        async def both() -> bool:
            for item in await self.items(batch):
                if item.started_at and item.started_at > killed:
                    kind = "killed_to_fresh_item" if item.attempts == 1 else "killed_to_in_flight"
                    found.setdefault(kind, (item.started_at - killed).total_seconds())
            return len(found) == 2

        await until(both)
        return found

    async def _cancel(self, batch: Batch) -> dict[str, float]:
        asked = datetime.now(UTC)
        await self.service.cancel(batch)

        async def ended() -> bool:
            row = await self.service.get(batch.project_id, batch.id)
            return BatchStatus(row.status).terminal

        await until(ended)
        over = (datetime.now(UTC) - asked).total_seconds()
        starts = [it.started_at for it in await self.items(batch) if it.started_at]
        late = (max(starts) - asked).total_seconds()
        return {"cancel_to_last_start": max(late, 0.0), "cancel_to_terminal": over}


async def main(rounds: int) -> None:
    """Run the rounds, each on a server and a home of its own, and print the table."""
    figures: list[dict[str, float]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            async with await WorkflowEnvironment.start_local(
                data_converter=PLAIN, dev_server_existing_path=TEMPORAL
            ) as server:
                home = Path(name)
                address = server.client.service_client.config.target_host
                one = Round(server.client, home)
                figures.append(await one.run(address))
                await one.database.close()
    for kind in figures[0]:
        values = [figure[kind] for figure in figures]
        print(f"{kind:22} median {statistics.median(values):5.2f} s, worst {max(values):5.2f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        asyncio.run(work(sys.argv[2], Path(sys.argv[3])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
