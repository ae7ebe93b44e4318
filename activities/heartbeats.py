"""Heartbeats of activities: detection of lost workers, and delivery of cancels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from temporalio import activity

from docmill.contracts.items import PagesRead

INTERVAL_SECONDS = 0.5
"""Below the SDK's throttle of one second, which therefore bounds the delay of a cancel."""

FIRST_SECONDS = 1.0
"""Most activities end earlier. A heartbeat costs the server about 2 ms."""


_details: ContextVar[list[PagesRead]] = ContextVar("details of this activity's heartbeats")


def tell_pages(read: PagesRead) -> None:
    """Report the number of pages that were read of a large document in the heartbeats."""
    _details.get()[:] = [read]


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Send heartbeats while the block runs."""
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
