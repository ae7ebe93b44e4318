"""Workers with versions: pinned batches, upgrades, rollbacks, and versions without workers."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

import worker as worker_module
from docmill.cli import deployments as commands
from docmill.cli import doctor
from docmill.contracts.names import BATCH_QUEUE
from docmill.errors import ConflictError, UnavailableError
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from docmill.settings import Settings
from docmill.temporal import deployments as deployments_module
from docmill.temporal.connections import QueueType, TemporalLink
from docmill.temporal.deployments import UNVERSIONED, Deployments, VersionStatus, once_workers_poll
from docmill.temporal.payloads import PLAIN
from docmill.temporal.preflight import check_histories
from docmill.testing import mock_engine
from tests.fixtures.mill import Mill, settings_for, unconfined, until, write_command, write_texts
from tests.fixtures.temporal import BINARIES
from worker import running_worker
from workflows.batch import BatchWorkflow

pytestmark = pytest.mark.integration

DEPLOYMENT = "docmill"


@pytest.fixture(scope="module")
async def versioned_server() -> AsyncIterator[Client]:
    """A server of its own: a current version would stop the workers of other tests."""
    async with await WorkflowEnvironment.start_local(
        data_converter=PLAIN,
        dev_server_existing_path=str(BINARIES / "temporal"),
    ) as environment:
        yield environment.client


class VersionedMill(Mill):
    """A Docmill whose workers have versions."""

    deployments: Deployments

    def version(self, build_id: str) -> AbstractAsyncContextManager[None]:
        """A worker of this version with the mock engine."""
        changes = {"worker_deployment": DEPLOYMENT, "worker_build_id": build_id}
        settings: Settings = unconfined(self.settings).model_copy(update=changes)
        return running_worker(self.temporal, settings, mock_engine.MODULE)

    async def promote(self, build_id: str, patience: float = 30) -> None:
        """Make a version current once its workers poll."""
        await once_workers_poll(partial(self.deployments.set_current, build_id), patience)

    async def version_of(self, batch: Batch) -> str:
        """The version to which the latest run of the batch is pinned."""
        found = await self.temporal.get_workflow_handle(batch.id).describe()
        info = found.raw_description.workflow_execution_info.versioning_info
        return info.deployment_version.build_id

    async def until_on(self, batch: Batch, build_id: str) -> None:
        """Wait until the batch is on a version, and Temporal lists it there."""

        async def listed() -> bool:
            return batch.id in [found async for found in self.deployments.batches_on(build_id)]

        await until(listed)


@pytest.fixture
async def mill(
    versioned_server: Client,
    migrated_sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[VersionedMill]:
    monkeypatch.setattr(worker_module, "GRACE", timedelta(0))
    monkeypatch.setattr(commands, "DRAIN_POLL_SECONDS", 0.1)
    monkeypatch.setenv("TEMPORAL_ADDRESS", versioned_server.service_client.config.target_host)
    monkeypatch.setenv("DOCMILL_WORKER_DEPLOYMENT", DEPLOYMENT)
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    settings = settings_for(
        tmp_path, migrated_sqlite_url, worker_deployment=DEPLOYMENT, max_running_batches=1
    )
    mill = VersionedMill(versioned_server, database, settings)
    mill.deployments = Deployments(versioned_server, DEPLOYMENT)
    yield mill
    await database.close()


def write_gates(folder: Path, count: int) -> list[Path]:
    """Write files whose engine waits for a path; return the paths."""
    gates = [folder.parent / f"{folder.name}-gate-{number}" for number in range(count)]
    for number, gate in enumerate(gates):
        write_command(folder, f"{number}.txt", do="wait", file=str(gate))
    return gates


async def until_polled(mill: VersionedMill) -> None:
    """Wait until a worker polls; raise what keeps batches from it."""
    link = TemporalLink.over(mill.temporal)

    async def polls() -> bool:
        return bool((await link.queue(BATCH_QUEUE, QueueType.WORKFLOW)).pollers)

    await until(polls)
    await link.check_worker()


async def versions_of_runs(mill: VersionedMill, batch: Batch) -> list[set[str]]:
    """The versions that completed workflow tasks of each run of a batch, oldest run first."""
    found = []
    query = f"WorkflowId = '{batch.id}'"
    runs = [run async for run in mill.temporal.list_workflows(query)]
    for run in sorted(runs, key=lambda one: one.start_time):
        handle = mill.temporal.get_workflow_handle(batch.id, run_id=run.run_id)
        completed = [
            event.workflow_task_completed_event_attributes
            for event in (await handle.fetch_history()).events
            if event.HasField("workflow_task_completed_event_attributes")
        ]
        found.append({one.deployment_version.build_id for one in completed})
    return found


async def test_batch_stays_on_its_version_and_upgrades_when_it_continues_as_new(
    mill: VersionedMill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = write_gates(tmp_path / "in", 3)
    with pytest.raises(ConflictError, match="No worker of the version A polls"):
        await mill.promote("A", 0)
    async with mill.version("A"):
        with pytest.raises(UnavailableError, match="No version of the workers is current"):
            await until_polled(mill)
        await mill.promote("A")
        await until_polled(mill)
        batch = await mill.start(tmp_path / "in", page_size=2, concurrency=1)
        await mill.until_progress(batch, lambda now: now.in_flight == 1)
        queued = await mill.start(write_texts(tmp_path / "queued", 1))
        await mill.until_progress(queued, lambda now: now.state == "throttled")
        async with mill.version("B"):
            await commands.make_current("B", 30, None, profile=None)
            await mill.until_on(batch, "A")
            await mill.until_on(queued, "A")
            gates[0].touch()
            await mill.until_progress(batch, lambda now: now.processed == 1)
            assert await mill.version_of(batch) == "A"
            assert await commands.list_versions(None, as_json=False, profile=None) == 0
            assert await commands.drain_version("A", 0, None, profile=None) == 1
            with pytest.raises(ConflictError, match="gets new batches"):
                await commands.drain_version("B", 0, None, profile=None)

            for gate in gates[1:]:
                gate.touch()
            result = await mill.client.result(batch.id)

            assert result.tally.completed == 3
            assert (await mill.client.result(queued.id)).tally.completed == 1
            assert await commands.drain_version("A", 30, None, profile=None) == 0
    runs = await versions_of_runs(mill, batch)
    assert runs[0] == {"A"}
    assert runs[-1] == {"B"}
    assert await versions_of_runs(mill, queued) == [{"A"}, {"B"}]
    shown = capsys.readouterr().out
    assert "The version B gets new batches." in shown
    listed = next(line for line in shown.splitlines() if line.startswith("2 batches run on A: "))
    assert batch.id in listed
    assert queued.id in listed


async def test_stalled_batch_of_a_rolled_back_version_is_reported_and_moved(
    mill: VersionedMill,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gate = write_gates(tmp_path / "in", 1)[0]
    async with mill.version("C"):
        async with mill.version("D"):
            await mill.promote("D")
            batch = await mill.start(tmp_path / "in")
            await mill.until_progress(batch, lambda now: now.in_flight == 1)
            assert await commands.ramp_version("C", 25, 30, None, profile=None) == 0
            ramping = (await mill.deployments.describe()).version("C")
            assert ramping is not None
            assert (ramping.status, ramping.percentage) == (VersionStatus.RAMPING, 25)
            await mill.promote("C")
            found = await mill.deployments.describe()
            assert found.current == "C"
            assert not found.problems()
        await mill.until_on(batch, "D")

        with monkeypatch.context() as patch:  # the pollers of D are listed for minutes
            patch.setattr(deployments_module, "FRESH", timedelta(0))
            assert await mill.service.reconciler.sweep_in_turn("default") is False
            with capture_logs() as lines:
                await mill.service.reconciler.report_versions("default")
                await mill.service.reconciler.report_versions("default")
            problems = [one["reason"] for one in lines if one["event"] == "deployment.problem"]
            stalled = "1 batches wait for workers of the version D, which has none."
            assert problems.count(stalled) == 1
            assert await TemporalLink.over(mill.temporal).stalled_batches(DEPLOYMENT) == 1
            patch.setenv("DOCMILL_HOME", str(mill.settings.home))
            findings = [one async for one in doctor.findings(mill.settings)]
            assert "Worker versions" in [one.name for one in findings if not one.ok]
            assert await commands.list_versions(None, as_json=False, profile=None) == 1
            with pytest.raises(ConflictError, match="No worker of the version D polls"):
                await mill.promote("D", 0)
        assert stalled in capsys.readouterr().out

        gate.touch()
        assert await commands.move_batches([], "D", None, None, profile=None) == 0
        assert (await mill.client.result(batch.id)).tally.completed == 1
        assert await mill.version_of(batch) == "C"
        assert await commands.move_batches([batch.id], None, None, None, profile=None) == 1


async def test_batches_move_between_workers_with_and_without_versions(
    mill: VersionedMill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    async with mill.version("E"):
        await mill.promote("E")
        with pytest.raises(ConflictError, match="No worker without a version polls"):
            await mill.promote(UNVERSIONED, 0)
    plain = mill.settings.model_copy(update={"worker_deployment": ""})
    async with running_worker(mill.temporal, plain):
        batch = await mill.start(folder)

        async def polls() -> bool:
            return bool((await mill.deployments.describe()).unversioned_workers)

        await until(polls)
        problems = [one.message for one in (await mill.deployments.describe()).problems()]
        assert "1 workers without a version get no tasks: the version E is current." in problems
        assert await check_histories(mill.temporal, BatchWorkflow, versioned=True) == 1
        await mill.promote(UNVERSIONED)
        assert (await mill.client.result(batch.id)).tally.completed == 2
        begun = await mill.start(write_texts(tmp_path / "begun", 2))
        await mill.service.pause(begun)
        await mill.until_progress(begun, lambda now: now.state == "paused")
    async with mill.version("E"):
        await mill.promote("E")
        await mill.service.resume(begun)
        assert (await mill.client.result(begun.id)).tally.completed == 2
    assert (await versions_of_runs(mill, begun))[0] == {"", "E"}
