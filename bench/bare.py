"""The upper limit: a minimal Temporal workflow with one activity per item on the same server.

No database, no files, no child processes, no progress: a window of activities that return at once,
continued as new like a batch.
"""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bench-bare"
RUN_ITEMS = 1_000
"""Items of one run: a history of up to 4,000 events, as in a batch."""


@activity.defn
async def nothing(item: int) -> int:
    """Do nothing."""
    return item


@workflow.defn
class Bare:
    """A window of activities."""

    @workflow.run
    async def run(self, left: int, window: int) -> None:
        """Run ``left`` items, at most ``window`` of them at a time."""
        free = asyncio.Semaphore(window)

        async def one(item: int) -> None:
            try:
                await workflow.execute_activity(
                    nothing, item, start_to_close_timeout=timedelta(minutes=1)
                )
            finally:
                free.release()

        tasks = []
        for item in range(min(left, RUN_ITEMS)):
            await free.acquire()
            tasks.append(asyncio.create_task(one(item)))
        await asyncio.gather(*tasks)
        if left > RUN_ITEMS:
            workflow.continue_as_new(args=[left - RUN_ITEMS, window])


async def items_per_second(client: Client, items: int, window: int, slots: int) -> float:
    """Run ``items`` and return the items per second."""
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        activities=[nothing],
        max_concurrent_activities=slots,
    ):
        began = time.perf_counter()
        await client.execute_workflow(
            Bare.run, args=[items, window], id=f"bare-{uuid4()}", task_queue=QUEUE
        )
        return items / (time.perf_counter() - began)
