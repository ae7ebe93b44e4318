"""Docmill spread out over a bad network: nobody is killed, but links break and fall silent."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from tests.chaos.reaper.distributed import Distributed
from tests.chaos.reaper.files import Files
from tests.fixtures.faults import FaultProxy
from tests.fixtures.postgres import PostgresFolder

SLOW = 0.05
"""Seconds each way; a claim of one item then takes half a second."""


class Stormy(Distributed):
    """Workers and API reach PostgreSQL and Temporal through proxies only."""

    name = "stormy"
    kinds: tuple[str, ...] = (
        "temporal reset",
        "temporal silent",
        "temporal slow",
        "database reset",
        "database slow",
    )

    def __init__(self, place: Path, files: Files, postgres: PostgresFolder) -> None:
        super().__init__(place, files, postgres)
        self._stack = AsyncExitStack()
        self._links: dict[str, FaultProxy] = {}

    @property
    def temporal_address(self) -> str:
        """Where the proxy before Temporal listens."""
        return f"127.0.0.1:{self._links['temporal'].port}"

    @property
    def database_url(self) -> str:
        """Where the proxy before PostgreSQL listens."""
        return self.postgres.url_at(self._links["database"].port)

    async def start(self) -> None:
        """Start the proxies, then everything behind and before them."""
        for name, port in (("temporal", self.temporal_port), ("database", self.postgres.port)):
            self._links[name] = await self._stack.enter_async_context(FaultProxy(port))
        await super().start()

    async def stop(self) -> None:
        """Stop everything, the proxies last."""
        await super().stop()
        await self._stack.aclose()

    def kill(self, kind: str, random: Random) -> None:
        """Do to a link what ``kind`` says."""
        name, _, what = kind.partition(" ")
        link = self._links[name]
        if what == "reset":
            link.reset()
        elif what == "silent":
            link.freeze()
        else:
            link.delay = SLOW
            asyncio.get_running_loop().call_later(random.uniform(1, 3), setattr, link, "delay", 0)
