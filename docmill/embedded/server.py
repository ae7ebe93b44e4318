"""The embedded Temporal server of a home: the real one, with its Web UI, on a database file."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from docmill.contracts.names import SEARCH_ATTRIBUTES
from docmill.embedded.addresses import LOOPBACK, Addresses, choose_ports
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from docmill.errors import UnavailableError

START_SECONDS = 30.0
"""A cold start takes about a second; a loaded laptop after a crash replays its log first."""
READY_SECONDS = 0.02
"""Between two looks whether it answers."""
START_ATTEMPTS = 3
"""A free port can be taken by somebody else before the server binds it."""

DYNAMIC_CONFIG = ("matching.useNewMatcher=true", "matching.enableFairness=true")
"""Without them a small batch waits behind all of a huge one."""

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
"""Two to three times the throughput; the file stays consistent through a power cut."""


def binary() -> Path:
    """Return the path of the Temporal server's program in this Python environment."""
    return Path(sys.prefix) / "bin" / "temporal"


class EmbeddedServer:
    """Starts, finds and stops the one server of a home. Callers exclude each other."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.process = HomeProcess(home, "temporal")

    def addresses(self) -> Addresses | None:
        """Return where the server listens that was started last, alive or not."""
        with suppress(OSError, ValueError, TypeError):
            return Addresses(**json.loads(self._home.server_file.read_text()))
        return None

    async def ensure(self) -> Addresses:
        """Return the addresses of the live server; start it when there is none.

        Raises:
            UnavailableError: it does not start; the message names its log.
        """
        known = self.addresses()
        if known and self.process.alive():
            if await self._ready(known):
                return known
            await self.stop()
        for _ in range(START_ATTEMPTS):
            # At its former port whenever that is free, also when it died while it was starting:
            # workers and clients go on trying there, and would not learn of another one.
            chosen = choose_ports(known)
            await self._launch(chosen)
            if await self._ready(chosen):
                return chosen
            await self.stop()
        raise UnavailableError(
            "The embedded Temporal server does not start.",
            f"Read {self.process.log}, or run the command doctor.",
        )

    async def stop(self) -> None:
        """Stop the live server, if there is one.

        It is killed: its own shutdown only waits, for 1.2 to 1.8 s. What it has answered is
        committed to its file, which is written out here as an orderly end would have done; the
        next server goes on from there.
        """
        await self.process.kill()
        await asyncio.to_thread(self._write_out)

    def _write_out(self) -> None:
        """Make what the server has committed survive a power cut."""
        for name in (self._home.temporal, f"{self._home.temporal}-wal"):
            with suppress(FileNotFoundError), Path(name).open("rb") as file:
                os.fsync(file.fileno())

    async def _launch(self, chosen: Addresses) -> None:
        if not binary().exists():
            raise UnavailableError(
                f"The Temporal server's program {binary()} is missing.",
                "Run make setup again, or name a server in TEMPORAL_ADDRESS.",
            )
        # Written first: whoever finds the process alive must also find its address.
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
        """Wait until the live server answers with our search attributes in place."""
        # Imported while the server starts: Temporal's client takes as long to load.
        from docmill.embedded.connect import answers  # noqa: PLC0415

        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while self.process.alive() and asyncio.get_running_loop().time() < deadline:
            if await answers(chosen.grpc, SEARCH_ATTRIBUTES):
                return self.process.alive()
            await asyncio.sleep(READY_SECONDS)
        return False


def _plain_environment() -> dict[str, str]:
    """The user's environment without settings meant for clients of another server."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
