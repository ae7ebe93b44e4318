"""A row and its workflow are reconciled after any crash, without the HTTP API too."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from docmill.batches import reconcile
from docmill.batches.reconcile import Reconciler
from docmill.contracts.batches import BatchSpec
from docmill.errors import DocmillError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.sweeps import Sweeps
from docmill.records.tables.batches import Batch
from docmill.temporal.connections import TemporalLink
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.api import ApiServer
from tests.fixtures.mill import Mill, settings_for, until, write_texts

PRESET = {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}}


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep so often that a test does not wait for it."""
    monkeypatch.setattr(reconcile, "SWEEP_EVERY_SECONDS", 0.2)


def _reconciler(mill: Mill) -> Reconciler:
    """Another worker's."""
    return Reconciler(mill.database, mill.store, mill.settings, TemporalLink.over(mill.temporal))


async def test_worker_starts_a_batch_whose_creator_died_before_the_start(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = str(write_texts(tmp_path / "in", 3))
    batch, _ = await small_mill.service.create(BatchSpec(folder=folder))
    async with small_mill.worker():
        await until(lambda: _completed(small_mill, batch.id))
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}


async def test_worker_ends_the_row_of_a_terminated_batch(small_mill: Mill, tmp_path: Path) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 3))
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
        await small_mill.temporal.get_workflow_handle(batch.id).terminate("enough")

        async def is_cancelled() -> bool:
            return (await small_mill.row(batch)).status == "CANCELLED"

        await until(is_cancelled)
    assert (await small_mill.row(batch)).reason == "terminated through Temporal"


async def test_one_worker_sweeps_per_interval(mill: Mill) -> None:
    workers = [_reconciler(mill) for _ in range(5)]
    namespace = mill.temporal.namespace
    for _ in range(3):
        swept = await asyncio.gather(*(one.sweep_in_turn(namespace) for one in workers))
        assert sum(swept) <= 1
    late = _reconciler(mill)
    assert not await late.sweep_in_turn(namespace), "it has not waited for an interval"
    assert await late.sweep_in_turn(namespace), "nobody else has swept since"
    assert not await workers[0].sweep_in_turn(namespace)


async def test_turn_of_a_sweep_is_taken_once(database: Database) -> None:
    async def take() -> bool:
        async with database.write() as session:
            return await Sweeps(session).take(last)

    for turn in range(2):
        async with database.read() as session:
            last = await Sweeps(session).last("default")
        assert last.turn == turn
        assert sum(await asyncio.gather(*(take() for _ in range(6)))) == 1


async def test_sweep_continues_where_the_last_one_stopped(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_BATCHES", 2)
    folder = str(write_texts(tmp_path / "in", 1))
    made = [(await small_mill.service.create(BatchSpec(folder=folder)))[0] for _ in range(5)]
    sweeper = _reconciler(small_mill)
    namespace = small_mill.temporal.namespace
    await sweeper.sweep_in_turn(namespace)
    for swept in (2, 4, 5):
        assert await sweeper.sweep_in_turn(namespace)
        states = [await small_mill.client.status(batch.id) for batch in made]
        assert [state is not None for state in states[::-1]] == [n < swept for n in range(5)]


async def test_batch_is_reconciled_once_however_often_it_is_read(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch, _ = await small_mill.service.create(
        BatchSpec(folder=str(write_texts(tmp_path / "in", 1)))
    )
    reconciler = small_mill.service.reconciler
    assert reconciler.take_turn(batch.id)
    assert not reconciler.take_turn(batch.id)
    await reconciler.reconcile_some([batch])
    shown = await small_mill.service.current(batch.project_id, batch.id, [batch.api])
    assert shown.status == "PENDING"
    assert await small_mill.client.status(batch.id) is None, "nobody asked Temporal"


async def test_read_does_not_wait_for_a_slow_reconciliation_which_continues(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, _ = await small_mill.service.create(
        BatchSpec(folder=str(write_texts(tmp_path / "in", 1)))
    )
    reconcile_now, slow = Reconciler.reconcile, asyncio.Event()

    async def reconcile_slowly(self: Reconciler, batch: Batch) -> Batch:
        await slow.wait()
        return await reconcile_now(self, batch)

    monkeypatch.setattr(Reconciler, "reconcile", reconcile_slowly)
    shown = await small_mill.service.current(batch.project_id, batch.id, [batch.api])
    assert shown.status == "PENDING"
    slow.set()

    async def is_started() -> bool:
        return await small_mill.client.status(batch.id) is not None

    await until(is_started)


async def test_worker_covers_the_namespaces_that_a_request_may_name(
    small_mill: Mill, tmp_path: Path
) -> None:
    other = await _registered(small_mill.temporal, "reconciled")
    link = TemporalLink.over(small_mill.temporal, [other])
    folder = str(write_texts(tmp_path / "in", 1))
    batch, _ = await small_mill.service.create(BatchSpec(folder=folder))
    async with small_mill.database.write() as session:
        (await session.merge(batch)).namespace = other
    sweeper = Reconciler(small_mill.database, small_mill.store, small_mill.settings, link)
    there = await link.batches(other)

    async def is_started() -> bool:
        for namespace in link.namespaces:
            await sweeper.sweep_in_turn(namespace)
        try:
            return await there.status(batch.id) is not None
        except DocmillError:
            return False  # a new namespace is known to all parts of the server after a moment

    await until(is_started)
    assert await small_mill.client.status(batch.id) is None
    await there.temporal.get_workflow_handle(batch.id).terminate("the test is over")


async def test_creates_without_temporal_and_killed_ones_are_run_by_a_worker_alone(
    temporal: Client, tmp_path: Path
) -> None:
    """The server's Temporal accepts connections and never answers, so that every start hangs."""
    home = tmp_path / "home"
    database = Database(f"sqlite+aiosqlite:///{home / 'records.db'}", EVERY_PROJECT)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = ApiServer(home, TEMPORAL_ADDRESS=f"127.0.0.1:{silent.getsockname()[1]}")
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as api:
            answered = await _create(api)
            creating = asyncio.create_task(_create(api))
            found: set[str] = set()

            async def is_committed() -> bool:
                async with database.read() as session:
                    found.update(row.id for row in (await Batches(session).list(None)).items)
                return len(found) == 2

            await until(is_committed)
            os.kill(server.process.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await creating
        server.process.wait(30)
    assert answered in found
    mill = Mill(
        temporal, database, settings_for(tmp_path, f"sqlite+aiosqlite:///{home}/records.db")
    )
    async with mill.worker():
        for batch_id in found:
            await until(lambda batch_id=batch_id: _completed(mill, batch_id))  # type: ignore[misc]
    await database.close()


async def _create(api: httpx.AsyncClient) -> str:
    directory = await make_directory(api)
    await upload(api, directory["id"], "a.txt", b"a")
    body = {"source_directory_id": directory["id"], "config": PRESET}
    return str((await ok(await api.post("/api/v2/batches", json=body), 201))["id"])


async def _completed(mill: Mill, batch_id: str) -> bool:
    async with mill.database.read() as session:
        return (await Batches(session).get(None, batch_id)).status == "COMPLETED"


async def _registered(temporal: Client, name: str) -> str:
    request = RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=Duration(seconds=86_400)
    )
    await temporal.workflow_service.register_namespace(request)
    return name
