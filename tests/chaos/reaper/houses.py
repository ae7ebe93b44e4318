"""Complete Docmill installations to kill: one embedded on SQLite, one distributed on PostgreSQL."""

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx

from docmill.embedded.addresses import free_port
from docmill.embedded.home import Home
from docmill.embedded.processes import HomeProcess
from docmill.settings import Settings
from tests.chaos.reaper.families import children_running
from tests.chaos.reaper.files import Files
from tests.chaos.reaper.keeping import Kept, plain_environment
from tests.fixtures.packages import Environment

ANSWERS = {200, 201, 503}
"""What the API may say while anything behind it dies; having no answer is fine too."""
PROGRAMS = {"guard": "isolation.guard", "fork server": "isolation.fork_server"}
"""What a worker starts; engine processes are forked by the server."""
LOOK_SECONDS = 0.3
WATCH_SECONDS = 1.0


class House(ABC):
    """A Docmill whose engine is the mock engine, installed as any third party's would be.

    Attributes:
        kinds: what can be killed.
        kept: the programs that somebody outside starts again.
        wrong: answers of the API that should never be given.
    """

    name: str
    kinds: tuple[str, ...]

    def __init__(self, place: Path, files: Files) -> None:
        self.place = place
        self.files = files
        self.home = place / "home"
        self.tmp = place / "tmp"
        self.home.mkdir(mode=0o700)
        self.tmp.mkdir()
        environment = Environment(place / "python")
        code = "from docmill.testing.mock_engine import MockEngine as Engine\n"
        environment.install("mock", code)
        self.python = str(environment.python)
        self.port = free_port()
        self.kept: dict[str, Kept] = {}
        self.wrong: list[str] = []
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of our programs."""
        return plain_environment(
            DOCMILL_HOME=str(self.home),
            DOCMILL_ENGINES_PREFER="mock",
            DOCMILL_ENGINE_SLOTS="2",
            DOCMILL_SANDBOX="off",  # the mock engine writes to the files of the run
            DOCMILL_SOURCE_ROOTS=str(self.files.folder),
            TMPDIR=str(self.tmp),
            **more,
        )

    def keep(self, name: str, *command: str, **options: Any) -> Kept:
        """Start a program and keep it alive."""
        environment = options.pop("environment", None) or self.environment()
        kept = Kept(command, environment, self.place / f"{name}.log", **options)
        self.kept[name] = kept
        kept.start()
        return kept

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """Where records and objects are."""

    @abstractmethod
    async def start(self) -> None:
        """Start everything, and the batch."""

    @abstractmethod
    async def ended(self) -> None:
        """Wait until the batch has ended."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop everything as an operator does; records and objects can still be read."""

    @abstractmethod
    def pids(self, kind: str) -> Iterable[int | None]:
        """Return the processes of a kind that live now."""

    def workers(self) -> list[int]:
        """Return the workers that live now."""
        return [pid for pid in self.pids("worker") if pid]

    def strike(self, kind: str, random: Random) -> None:
        """Kill one process of a kind, if one lives."""
        if kind in PROGRAMS:
            found = [pid for one in self.workers() for pid in children_running(one, PROGRAMS[kind])]
        elif kind == "engine":
            servers = [
                pid
                for one in self.workers()
                for pid in children_running(one, PROGRAMS["fork server"])
            ]
            found = [pid for one in servers for pid in children_running(one, "fork_server")]
        else:
            found = [pid for pid in self.pids(kind) if pid]
        if found:
            with suppress(ProcessLookupError):
                os.kill(random.choice(sorted(found)), signal.SIGKILL)

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask the API until it gives an answer that is one."""
        while True:
            with suppress(httpx.TransportError):
                answer = await self._client.request(method, path, **options)
                if answer.status_code not in ANSWERS:
                    self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
                if answer.is_success:
                    return answer.json()
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Close what the house itself holds open."""
        await self._client.aclose()

    async def watch(self) -> None:
        """Ask for the batches for ever, as a user's program would."""
        while True:
            await self.ask("GET", "/api/v2/batches")
            await asyncio.sleep(WATCH_SECONDS)


class Embedded(House):
    """``starter.py up`` and ``starter.py run`` on one home: SQLite, and a server of its own."""

    name = "embedded"
    kinds = ("run", "up", "worker", "api", "temporal", "engine", "guard")

    @property
    def settings(self) -> Settings:
        """The home's own."""
        return Settings(home=self.home)

    @property
    def out(self) -> Path:
        """Where ``run`` writes."""
        return self.place / "out"

    async def start(self) -> None:
        """Start both commands; each is typed again when it was killed."""
        self.keep("up", self.python, "starter.py", "up", "--port", str(self.port))
        folder, out = str(self.files.folder), str(self.out)
        self.keep("run", self.python, "starter.py", "run", folder, "--out", out, until=0)

    async def ended(self) -> None:
        """Wait until ``run`` ends well."""
        await self.kept["run"].done()

    async def stop(self) -> None:
        """Ctrl-C."""
        await self.kept["up"].stop(signal.SIGINT)
        await self.kept["run"].stop(signal.SIGINT)

    def pids(self, kind: str) -> Iterable[int | None]:
        """The commands are ours; what they started is in the home's files."""
        if kind in self.kept:
            return [self.kept[kind].pid]
        return [HomeProcess(Home(self.home).create(), kind).pid()]
