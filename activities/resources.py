"""Resources that the item activities of one worker process share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from docmill.objects.base import ObjectStore
from docmill.objects.staging import Staging
from docmill.processing.engines import ItemEngines
from docmill.records.database import Database
from docmill.settings import Settings


class Gate:
    """Admits many activities with local engines at a time, or a single one exclusively.

    If a file crashes a worker, all its files are charged with a lost worker. A file that was
    charged once therefore runs exclusively, so that a second loss is attributed to the right file.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._alone = 0  # waiting or running exclusive activities
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def entered(self, *, alone: bool = False) -> AsyncIterator[None]:
        """Hold the gate while the block runs, exclusively if ``alone``.

        An exclusive activity waits for those inside, and blocks later ones.
        """
        self._alone += alone
        entered = False
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not (self._inside if alone else self._alone))
                self._inside += 1
                entered = True
            yield
        finally:
            self._inside -= entered
            self._alone -= alone
            async with self._changed:
                self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Resources:
    """Dependencies of item activities.

    Attributes:
        database: the records.
        store: object store of uploads and results.
        engines: the engines of this worker.
        scratch: staging area for incomplete files.
        settings: settings of the worker.
        gate: admits activities with local engines.
        worker: identity of this process in claims.
    """

    database: Database
    store: ObjectStore
    engines: ItemEngines
    scratch: Staging
    settings: Settings
    gate: Gate = field(default_factory=Gate)
    worker: str = field(default_factory=lambda: uuid4().hex)
