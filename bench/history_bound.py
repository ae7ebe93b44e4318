"""The best limit of one run's history: ``.venv/bin/python -m bench.history_bound``.

The real workflow runs on the embedded server with activities that do nothing, so that only the
limit makes a difference. Every case runs in its own process, and the rounds alternate. A low limit
drains the slots often; a high one is slower to replay and takes more memory of the worker.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from docmill.contracts import names
from docmill.contracts.batches import (
    BatchInput,
    BatchResult,
    CloseRequest,
    OpenedBatch,
    OpenRequest,
)
from docmill.contracts.items import ItemRef, ItemResult, ItemTask, Page, PageRequest
from docmill.contracts.words import BatchStatus, JobType, Outcome, Tally
from docmill.embedded.connect import connect_to
from docmill.embedded.home import Home
from docmill.embedded.server import EmbeddedServer
from docmill.records.tables.base import now
from docmill.temporal.payloads import PLAIN
from workflows import history
from workflows.batch import BatchWorkflow

QUEUE = "bench-history"
BOUNDS = (2_000, 4_000, 8_000)
CASES = ((2, 50), (8, 256))
"""Activity slots, and the concurrency of the batch."""
ITEMS = 2_400
ROUNDS = 3
REPLAYS = 3
PAGE = 1_000


@dataclass
class Nothing:
    """Activities of a batch that do nothing."""

    total: int
    concurrency: int

    @activity.defn(name=names.OPEN_BATCH)
    async def open_batch(self, request: OpenRequest) -> OpenedBatch:
        """Open a batch of ``total`` items."""
        return OpenedBatch(
            project_id="bench",
            directory_id=None,
            job_type=JobType.PARSE,
            total=self.total,
            page_size=PAGE,
            continue_as_new_threshold=self.total,
            concurrency=self.concurrency,
            epoch=1,
            item_timeout_seconds=60,
            started_at=now(),
            engine_queue=QUEUE,
        )

    @activity.defn(name=names.NEXT_PAGE)
    async def next_page(self, request: PageRequest) -> Page:
        """Return positions, with names as long as those of ordinary files."""
        last = min(request.after + request.limit, self.total)
        items = tuple(
            ItemRef(position=number, name=f"reports/2026/quarterly-report-{number:06}.pdf")
            for number in range(request.after + 1, last + 1)
        )
        return Page(items=items, cursor=last, more=last < self.total)

    @activity.defn(name=names.PROCESS_ITEM)
    async def process_item(self, task: ItemTask) -> ItemResult:
        """Complete at once."""
        return ItemResult(outcome=Outcome.COMPLETED)

    @activity.defn(name=names.CLOSE_BATCH)
    async def close_batch(self, request: CloseRequest) -> BatchResult:
        """Account for every item."""
        return BatchResult(
            batch_id=request.batch_id,
            status=BatchStatus.COMPLETED,
            total=self.total,
            tally=Tally(completed=self.total),
        )


async def _measure(address: str, bound: int, slots: int, concurrency: int) -> dict[str, float]:
    """Run one batch in this process."""
    history.is_full = partial(_is_full, bound)
    client = await connect_to(address, PLAIN)
    nothing = Nothing(ITEMS, concurrency)
    batch_id = f"bat-{uuid4()}"
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[BatchWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),  # the sandbox has a bound of its own
        activities=[
            nothing.open_batch,
            nothing.next_page,
            nothing.process_item,
            nothing.close_batch,
        ],
        max_concurrent_activities=slots,
    ):
        began, used = time.perf_counter(), time.process_time()
        await client.execute_workflow(
            names.BATCH_WORKFLOW, BatchInput(batch_id=batch_id), id=batch_id, task_queue=QUEUE
        )
        seconds, used = time.perf_counter() - began, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    runs = await _runs(client, batch_id)
    longest = max(runs, key=lambda run: len(run.events))
    return {
        "items/s": ITEMS / seconds,
        "worker's CPU per item, ms": 1_000 * used / ITEMS,
        "runs": len(runs),
        "events of the longest run": len(longest.events),
        "its MB": sum(event.ByteSize() for event in longest.events) / 1e6,
        "its replay, ms of CPU": 1_000 * await _replay(client, longest),
        "worker's peak memory, MB": memory,
        "idle between runs, % of the time": 100 * _idle(runs) / seconds,
    }


def _is_full(bound: int, in_flight: int) -> bool:
    """As the workflow has it, without the server's own suggestion, which comes at 4,096 events."""
    ahead = history.EVENTS_PER_ITEM * (in_flight + 1) + history.RESERVED_EVENTS
    return workflow.info().get_current_history_length() + ahead > bound


async def _runs(client: Client, batch_id: str) -> list[WorkflowHistory]:
    handle = client.get_workflow_handle(batch_id)
    run: str | None = (await handle.describe()).raw_description.workflow_execution_info.first_run_id
    found = []
    while run:
        history_of_run = await client.get_workflow_handle(batch_id, run_id=run).fetch_history()
        found.append(history_of_run)
        last = history_of_run.events[-1]
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


async def _replay(client: Client, run: WorkflowHistory) -> float:
    """Return the seconds of CPU time that a replay takes: a loaded machine changes them least."""
    took = []
    for _ in range(REPLAYS):
        replayer = Replayer(
            workflows=[BatchWorkflow],
            data_converter=client.data_converter,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        began = time.process_time()
        await replayer.replay_workflow(run)
        took.append(time.process_time() - began)
    return median(took)


def _idle(runs: list[WorkflowHistory]) -> float:
    """Seconds between the last item of a run and the first one of the next: no slot has work."""
    spans = [_items_of(run) for run in runs]
    return sum(
        (begun[0] - ended[-1]).total_seconds()
        for (_, ended), (begun, _) in pairwise(spans)
        if begun and ended
    )


def _items_of(run: WorkflowHistory) -> tuple[list[datetime], list[datetime]]:
    """When the items of a run began and ended, in order."""
    items = {
        event.event_id
        for event in run.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == names.PROCESS_ITEM
    }
    begun = [
        event.event_time.ToDatetime()
        for event in run.events
        if event.activity_task_started_event_attributes.scheduled_event_id in items
    ]
    ended = [
        event.event_time.ToDatetime()
        for event in run.events
        if event.activity_task_completed_event_attributes.scheduled_event_id in items
    ]
    return sorted(begun), sorted(ended)


def _cases() -> Iterator[tuple[int, int, int]]:
    for slots, concurrency in CASES:
        for bound in BOUNDS:
            yield bound, slots, concurrency


def _in_a_process_of_its_own(address: str, *case: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.history_bound", address, *map(str, case)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


async def _compare() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.create()
        server = EmbeddedServer(home)
        found: dict[tuple[int, int, int], list[dict[str, float]]] = {}
        try:
            address = (await server.ensure()).grpc
            for _ in range(ROUNDS):
                for case in _cases():
                    answer = await asyncio.to_thread(_in_a_process_of_its_own, address, *case)
                    found.setdefault(case, []).append(answer)
                    print(case, answer, file=sys.stderr, flush=True)
        finally:
            await server.stop()
    for (bound, slots, concurrency), answers in found.items():
        print(f"{bound:,} events, {slots} slots, concurrency {concurrency}")
        for name in answers[0]:
            values: list[Any] = [answer[name] for answer in answers]
            print(f"    {name:32} {median(values):10.1f}   {[round(v, 1) for v in values]}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        address, *case = sys.argv[1:]
        print(json.dumps(asyncio.run(_measure(address, *map(int, case)))))
    else:
        asyncio.run(_compare())
