"""Record the histories that `test_replay` replays with every later version of the workflow.

Run once per release: ``.venv/bin/python -m tests.histories.record VERSION``. Stored
histories are never recorded again: a history that no longer replays is a batch that an upgrade
would break.
"""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from sqlalchemy import update
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from docmill.contracts.batches import BatchSpec, JobSpec, RedriveRequest
from docmill.contracts.deliveries import delivery_workflow_id
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.deliveries import Deliveries
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.api import WebhookConfiguration
from docmill.records.tables.batches import Batch, BatchItem
from docmill.records.webhooks import Webhooks
from docmill.temporal.payloads import PLAIN
from tests.fixtures.mill import Mill, settings_for, until, write_command, write_texts

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).parent / "stored"


async def scenarios(mill: Mill, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the workflow id of each ended batch."""
    small = write_texts(folder / "small", 3)
    (small / "broken.pdf").write_bytes(b"%PDF-1.7\nno document")
    yield "completed", (await mill.run(small)).id
    yield "skipped", (await mill.run(small)).id
    yield "continued", (await mill.run(write_texts(folder / "many", 12), **_PACE)).id
    yield "cancelled", (await _steered(mill, write_texts(folder / "stop", 6))).id
    yield "failed", await _failed(mill, folder / "nowhere")
    yield "redriven", (await _redriven(mill, small)).id
    yield "threshold", await _too_many_failed(mill, small)
    yield "drained", (await _drained(mill, write_texts(folder / "drain", 20))).id
    yield "throttled", (await _throttled(mill, folder)).id
    yield "delivery", await _delivered(mill)


async def held_scenarios(mill: Mill, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield batches that were paused while most of their files lay in the task queue."""
    yield "left", (await _left(mill, folder / "left")).id
    yield "left-continued", (await _left(mill, folder / "continued", **_SHORT)).id
    yield "swept", (await _swept(mill, folder / "swept")).id


async def grouped_scenarios(mill: Mill, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield batches whose small files share activities, with one that fails by itself."""
    grouped = {"items_per_activity": 8}
    mixed = write_texts(folder / "mixed", 12)
    write_command(mixed, "broken.txt", do="fail", failure_class="corrupt")
    yield "grouped", (await mill.run(mixed, **grouped)).id
    many = write_texts(folder / "groups", 40)
    yield "grouped-continued", (await mill.run(many, **grouped, **_SHORT)).id
    yield "grouped-left", (await _left(mill, folder / "grouped-left", **grouped)).id
    stop = folder / "grouped-stop"
    for number in range(8):
        write_command(stop, f"{number}.txt", do="wait", file=str(stop.with_suffix(".gate")))
    batch = await mill.start(stop, **grouped)
    await until(partial(_has, mill, batch, "processing"))
    await mill.service.cancel(batch, "recorded")
    await mill.client.result(batch.id)
    yield "grouped-cancelled", batch.id


_SHORT = {"page_size": 6, "continue_as_new_threshold": 6}
_PACE = {"page_size": 3, "continue_as_new_threshold": 5}


async def _steered(mill: Mill, folder: Path) -> Batch:
    batch = await mill.start(folder)
    await mill.service.pause(batch)
    await mill.until_progress(batch, lambda now: now.state == "paused")
    await mill.service.set_concurrency(batch, 2)
    await mill.service.cancel(batch, "recorded")
    await mill.client.result(batch.id)
    return batch


async def _delivered(mill: Mill) -> str:
    """Let an endpoint fail, wake its workflow, and end it by deleting the endpoint."""
    endpoint = WebhookConfiguration(
        id="whc-recorded", project_id=DEFAULT_PROJECT_ID, webhook_url="http://127.0.0.1:9/"
    )
    async with mill.database.write() as session:
        await Webhooks(session).create(endpoint)
    for attempts in (2, 1):
        async with mill.database.write() as session:
            event = await Deliveries(session).add_test(endpoint, mill.temporal.namespace)
        await until(partial(_was_tried, mill, event.id, attempts))
    async with mill.database.write() as session:
        await Webhooks(session).delete(DEFAULT_PROJECT_ID, endpoint.id)
    workflow_id = delivery_workflow_id(endpoint.id)
    await mill.temporal.get_workflow_handle(workflow_id).result()
    return workflow_id


async def _was_tried(mill: Mill, event_id: str, attempts: int) -> bool:
    async with mill.database.read() as session:
        return len(await Deliveries(session).attempts(event_id)) >= attempts


async def _failed(mill: Mill, folder: Path) -> str:
    await mill.client.start("bat-failed", BatchSpec(folder=str(folder)))
    try:
        await mill.client.result("bat-failed")
    except WorkflowFailureError:
        return "bat-failed"
    raise AssertionError("a batch over no folder must fail")


async def _redriven(mill: Mill, folder: Path) -> Batch:
    (folder / "another.pdf").write_bytes(b"%PDF-1.7\nno document either")
    batch = await mill.run(folder)
    await mill.service.start(await mill.service.redrive(batch, RedriveRequest()))
    await mill.client.result(batch.id)
    return batch


async def _too_many_failed(mill: Mill, folder: Path) -> str:
    batch = await mill.start(folder, max_failures=0)
    try:
        await mill.client.result(batch.id)
    except WorkflowFailureError:
        return batch.id
    raise AssertionError("a batch over its threshold must fail")


async def _drained(mill: Mill, folder: Path) -> Batch:
    batch = await mill.start(folder, concurrency=2)
    await mill.until_progress(batch, lambda now: now.in_flight > 0)
    await mill.service.cancel(batch, "recorded", drain=True)
    await mill.client.result(batch.id)
    return batch


async def _throttled(mill: Mill, folder: Path) -> Batch:
    first = await mill.start(write_texts(folder / "first", 2))
    await mill.service.pause(first)
    await mill.until_progress(first, lambda now: now.state == "paused")
    second = await mill.start(write_texts(folder / "second", 2))
    await mill.until_progress(second, lambda now: now.state == "throttled")
    await mill.service.cancel(first)
    await mill.client.result(second.id)
    return second


async def _left(mill: Mill, folder: Path, **pace: int) -> Batch:
    """Pause by the row alone, so that the workflow finds it there, and go on."""
    gate = folder.with_suffix(".gate")
    for number in range(8):
        write_command(folder, f"{number}.txt", do="wait", file=str(gate))
    batch = await mill.start(folder, **pace)
    await mill.until_progress(batch, lambda now: now.in_flight >= 6)
    await until(partial(_has, mill, batch, "processing"))
    async with mill.database.write() as session:
        await Batches(session).set_state(batch.id, paused=True)
    await asyncio.sleep(1)  # a group reads how it is steered four times a second
    gate.touch()
    await mill.until_progress(batch, lambda now: (now.state, now.in_flight) == ("paused", 0))
    await mill.service.resume(batch)
    await mill.client.result(batch.id)
    return batch


async def _swept(mill: Mill, folder: Path) -> Batch:
    """Lose an outcome, and pause while the close runs the file again."""
    early, late = folder.with_suffix(".early"), folder.with_suffix(".late")
    early.touch()
    write_command(folder, "0.txt", do="wait", file=str(early))
    write_command(folder, "1.txt", do="wait", file=str(late))
    batch = await mill.start(folder, job=JobSpec(parameters={"disable_cache": True}))
    await mill.until_progress(batch, lambda now: now.processed == 1)
    early.unlink()
    lost = update(BatchItem).where(BatchItem.batch_id == batch.id, BatchItem.position == 1)
    async with mill.database.write() as session:
        await session.execute(lost.values(status="pending"))
    late.touch()
    await until(partial(_has, mill, batch, "processing", "0.txt"))
    await mill.service.pause(batch)
    await mill.until_progress(batch, lambda now: now.state == "paused")
    early.touch()
    await mill.client.result(batch.id)
    return batch


async def _has(mill: Mill, batch: Batch, status: str, name: str | None = None) -> bool:
    outcomes = await mill.outcomes(batch)
    return status in (outcomes.values() if name is None else [outcomes[name]])


async def record(version: str) -> None:
    """Run every scenario on a server of its own and store each run's history."""
    target = STORED / version
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder}/records.db"
        async with await WorkflowEnvironment.start_local(
            data_converter=PLAIN,
            dev_server_existing_path=str(Path(sys.prefix) / "bin/temporal"),
        ) as environment:
            database = Database(url, EVERY_PROJECT)
            await database.migrate()
            async with database.write() as session:
                await Projects(session).ensure_default()
            mill = Mill(
                environment.client, database, settings_for(folder, url, max_running_batches=1)
            )
            async with mill.worker():
                await _store(target, mill, scenarios(mill, folder))
            async with mill.faulty_worker():
                await _store(target, mill, held_scenarios(mill, folder))
                await _store(target, mill, grouped_scenarios(mill, folder))
            await database.close()


async def _store(target: Path, mill: Mill, ended: AsyncIterator[tuple[str, str]]) -> None:
    async for scenario, workflow_id in ended:
        for number, run in enumerate(await _runs(mill.temporal, workflow_id)):
            file = scenario if number == 0 else f"{scenario}-{number + 1}"
            (target / f"{file}.json").write_text(_without_machine(run.to_json()))


def _without_machine(history: str) -> str:
    """Take this checkout's path and this host's name out of stack traces and identities."""
    return history.replace(str(ROOT), "/app").replace(socket.gethostname(), "recorder")


async def _runs(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    """Every run of one workflow, the first one first."""
    runs: list[WorkflowHistory] = []
    run_id: str | None = await _first_run(client, workflow_id)
    while run_id:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        runs.append(history)
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return runs


async def _first_run(client: Client, workflow_id: str) -> str:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    return started.first_execution_run_id


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
