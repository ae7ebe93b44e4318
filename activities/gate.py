"""Who is at work on this worker: a file that a worker may have died of is processed by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


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
