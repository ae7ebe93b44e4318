"""What the activities of one worker process that work on items share."""

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
    """Lets activities with documents in, many at a time, or one by itself.

    If a worker dies of a file, every other file that it holds is charged with a lost worker. So
    a file that was charged once runs while nothing else does: the second loss is then its own.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._alone = 0  # those that want to be alone, or are
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def entered(self, *, alone: bool = False) -> AsyncIterator[None]:
        """Be inside for as long as the block runs; with ``alone``, as the only one.

        Whoever wants to be alone waits for those inside, and holds back those who come later.
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
    """What it takes to work on items.

    Attributes:
        database: of the records.
        store: where uploads are and results go.
        engines: those of this worker.
        scratch: for what is not yet whole.
        settings: limits.
        gate: lets activities with local engines in.
        worker: identity of this process in claims.
    """

    database: Database
    store: ObjectStore
    engines: ItemEngines
    scratch: Staging
    settings: Settings
    gate: Gate = field(default_factory=Gate)
    worker: str = field(default_factory=lambda: uuid4().hex)
