"""Membership in a home: the first member starts the Temporal server, the last one stops it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType

from docmill.embedded.addresses import Addresses
from docmill.embedded.home import Home
from docmill.embedded.locks import FileLock, exclusive
from docmill.embedded.server import EmbeddedServer
from docmill.errors import UnavailableError

POLL_SECONDS = 0.5


class Membership:
    """The membership of one process.

    Every member holds a shared lock, which the kernel releases when the process ends. If all
    members are killed, the server keeps running, and the next member uses it.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._share = FileLock(home.lock("members"))
        self.server = EmbeddedServer(home)

    async def join(self) -> Addresses:
        """Become a member; start the server if it does not run.

        Raises:
            UnavailableError: the server does not start.
        """
        async with self._changes():
            await self._share.wait(shared=True)
            try:
                return await self.server.ensure()
            except BaseException:
                await self._give_up_share()
                raise

    @asynccontextmanager
    async def joining(self) -> AsyncIterator[asyncio.Task[Addresses]]:
        """Join concurrently with the block, which may await the task, and leave at its end."""
        joining = asyncio.create_task(self.join())
        try:
            yield joining
        finally:
            joining.cancel()
            await asyncio.wait([joining])
            if not joining.cancelled() and joining.exception() is None:
                await self.leave()

    async def restart_server(self) -> Addresses:
        """Restart the server after it has died."""
        async with self._changes():
            return await self.server.ensure()

    async def watch_server(self, on_death: Callable[[], None]) -> None:
        """Restart the server whenever it dies, until this task is cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self.server.process.alive():
                on_death()
                with suppress(UnavailableError):  # the next poll tries again
                    await self.restart_server()

    async def leave(self) -> None:
        """Leave; the last member stops the server."""
        async with self._changes():
            await self._give_up_share()

    async def _give_up_share(self) -> None:
        self._share.release()
        if self._share.take():
            try:
                await self.server.stop()
            finally:
                self._share.release()

    async def __aenter__(self) -> Addresses:
        return await self.join()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()

    def _changes(self) -> AbstractAsyncContextManager[None]:
        return exclusive(self._home.lock("changes"))
