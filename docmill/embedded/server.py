"""The embedded Temporal server of a home, with its Web UI and a database file."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from docmill.contracts.names import SEARCH_ATTRIBUTES
from docmill.embedded.addresses import LOOPBACK, Addresses, choose_ports, is_free
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from docmill.errors import UnavailableError

START_SECONDS = 30.0
"""Time limit of a start: usually about a second, longer after a crash on a loaded machine."""
READY_SECONDS = 0.02
"""Interval of the polls until it answers."""
START_ATTEMPTS = 3
"""Another process can take a free port before the server binds it."""
RELEASE_SECONDS = 1.0
"""The kernel can release the lock of a killed server before its ports, on a loaded machine."""

DYNAMIC_CONFIG = ("matching.useNewMatcher=true", "matching.enableFairness=true")
"""Task queue fairness; without it a small batch waits for all items of a large one."""

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
"""They double the throughput or more; the file stays consistent after a power cut."""


def binary() -> Path:
    """Return the path of the Temporal server's executable in this Python environment."""
    return Path(sys.prefix) / "bin" / "temporal"


class EmbeddedServer:
    """Starts, finds and stops the server of a home. Callers must hold a lock against each other."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.process = HomeProcess(home, "temporal")

    def addresses(self) -> Addresses | None:
        """Return the addresses of the last server, running or not."""
        with suppress(OSError, ValueError, TypeError):
            return Addresses(**json.loads(self._home.server_file.read_text()))
        return None

    async def ensure(self) -> Addresses:
        """Return the addresses of the running server; start one if none runs.

        Raises:
            UnavailableError: it does not start; the message names its log.
        """
        known = self.addresses()
        if known and self.process.alive():
            if await self._ready(known):
                return known
            await self.stop()
        if known:
            await self._released(known)
        for _ in range(START_ATTEMPTS):
            # On its previous port if that is free, even if it died while it was starting: workers
            # and clients keep connecting there, and would not find another port.
            chosen = choose_ports(known)
            await self._launch(chosen)
            if await self._ready(chosen):
                return chosen
            await self.stop()
        raise UnavailableError(
            "The embedded Temporal server does not start.",
            f"Read {self.process.log}, or run the command doctor.",
        )

    async def _released(self, known: Addresses) -> None:
        """Wait until no process listens on the ports of the last server, within a time limit."""
        deadline = asyncio.get_running_loop().time() + RELEASE_SECONDS
        while not (is_free(known.port) and is_free(known.ui_port)):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(READY_SECONDS)

    async def stop(self) -> None:
        """Stop the server if it runs.

        It is killed, because its own shutdown only waits for 1.2 to 1.8 s. All acknowledged changes
        are committed to its database file, which is synced here, and the next server continues from
        there.
        """
        await self.process.kill()
        await asyncio.to_thread(self._sync_database)

    def _sync_database(self) -> None:
        """Sync the database of the server to disk."""
        for name in (self._home.temporal, f"{self._home.temporal}-wal"):
            with suppress(FileNotFoundError), Path(name).open("rb") as file:
                os.fsync(file.fileno())

    async def _launch(self, chosen: Addresses) -> None:
        if not binary().exists():
            raise UnavailableError(
                f"The executable {binary()} of the Temporal server is missing.",
                "Run make setup again, or name a server in TEMPORAL_ADDRESS.",
            )
        # Written first: a process that finds the server running must also find its address.
        temporary = self._home.server_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(chosen)))
        temporary.replace(self._home.server_file)
        await self.process.spawn(list(self._command(chosen)), _plain_environment())

    def _command(self, chosen: Addresses) -> Iterator[str]:
        yield from (str(binary()), "server", "start-dev", "--ip", LOOPBACK)
        yield from ("--port", str(chosen.port), "--ui-port", str(chosen.ui_port))
        yield from ("--db-filename", str(self._home.temporal))
        yield from ("--log-level", "warn", "--ui-disable-news-fetch")
        for pragma in PRAGMAS:
            yield from ("--sqlite-pragma", pragma)
        for value in DYNAMIC_CONFIG:
            yield from ("--dynamic-config-value", value)
        for name, kind in SEARCH_ATTRIBUTES.items():
            yield from ("--search-attribute", f"{name}={kind}")

    async def _ready(self, chosen: Addresses) -> bool:
        """Wait until the server answers and has Docmill's search attributes."""
        # Imported while the server starts, because Temporal's client takes as long to import.
        from docmill.embedded.connect import answers  # noqa: PLC0415

        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while self.process.alive() and asyncio.get_running_loop().time() < deadline:
            if await answers(chosen.grpc, SEARCH_ATTRIBUTES):
                return self.process.alive()
            await asyncio.sleep(READY_SECONDS)
        return False


def _plain_environment() -> dict[str, str]:
    """Return the environment without Temporal settings, which are for clients of other servers."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
