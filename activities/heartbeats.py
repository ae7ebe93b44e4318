"""Heartbeats beside the work: how Temporal notices a lost worker, and the work a cancel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from temporalio import activity

from docmill.contracts.items import PagesRead

INTERVAL_SECONDS = 0.5
"""Below the SDK's throttle of one second, so that a cancel is never older than that."""

FIRST_SECONDS = 1.0
"""Most activities end before it: a heartbeat costs the server about 2 ms."""


_details: ContextVar[list[PagesRead]] = ContextVar("details of this activity's heartbeats")


def tell_pages(read: PagesRead) -> None:
    """Put into this activity's heartbeats how many pages of a large document are read."""
    _details.get()[:] = [read]


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Send heartbeats for as long as the block runs."""
    details: list[PagesRead] = []
    _details.set(details)

    async def beat() -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            activity.heartbeat(*details)
            await asyncio.sleep(INTERVAL_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
