"""Syncs: only what is new or changed is processed, and what is gone is noted and passed on."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import ScheduleActionExecutionStartWorkflow

from docmill.batches.sync import SyncService
from docmill.contracts.batches import BatchSpec
from docmill.contracts.names import SYNC_WORKFLOW
from docmill.contracts.syncs import SyncRequest, SyncResult
from docmill.contracts.words import BatchStatus
from docmill.errors import ConflictError, UsageError
from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.objects.buckets import Bucket
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl, Place
from docmill.outputs.destinations import Destination, destination_of
from docmill.records.batches import Batches
from docmill.records.syncs import Syncs
from docmill.records.tables.sources import Sync
from docmill.sources.choice import resolve_source
from docmill.temporal.syncs import Timing, run_sync, schedule_sync, stop_sync
from tests.fixtures.mill import Mill, until

pytestmark = pytest.mark.integration


class Synced:
    """A source and a destination, and the sync between them."""

    def __init__(self, mill: Mill, source: Place, out: Destination) -> None:
        self.mill = mill
        self.source = source
        self.out = out
        self.id = new_id(Prefix.SYNC)

    async def save(self, **fields: Any) -> None:
        row = Sync(
            id=self.id,
            project_id=DEFAULT_PROJECT_ID,
            source=resolve_source(self.source).as_json(),
            out=self.out.location,
            spec=BatchSpec().model_dump(mode="json"),
            **fields,
        )
        async with self.mill.database.write() as session:
            await Syncs(session).save(row)

    async def run(self) -> SyncResult:
        return await run_sync(self.mill.temporal, self.id, "a test")

    async def paths(self, result: SyncResult) -> list[str]:
        """Paths of the sync's batch."""
        batch = await self.mill.service.get(DEFAULT_PROJECT_ID, str(result.batch_id))
        return [item.path for item in await self.mill.items(batch)]

    def vanished(self) -> list[tuple[str, bool]]:
        lines = (self.out.read("manifests/_vanished.jsonl") or b"").splitlines()
        return [(line["path"], line["deleted"]) for line in map(json.loads, lines)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "sub/c.txt"):
        (folder / name).write_text(f"{name} of {tmp_path.name}\n")
    return folder


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    return open_bucket(BucketUrl.parse(s3_url))


async def test_only_new_and_changed_files_are_processed(
    mill: Mill, folder: Path, bucket: Bucket, tmp_path: Path
) -> None:
    synced = Synced(mill, folder, destination_of(bucket.url, tmp_path / "scratch"))
    await synced.save()
    async with mill.worker():
        first = await synced.run()
        idle = await synced.run()
        (folder / "a.txt").write_text(f"another text of {tmp_path.name}\n")
        (folder / "d.txt").write_text(f"new in {tmp_path.name}\n")
        (folder / "b.txt").unlink()
        third = await synced.run()
        last = await synced.run()

    assert (first.fresh, first.completed, first.status) == (3, 3, BatchStatus.COMPLETED)
    assert (idle.total, idle.fresh, idle.vanished, idle.batch_id) == (3, 0, 0, None)
    assert (third.total, third.fresh, third.vanished, third.deleted) == (3, 2, 1, 0)
    assert await synced.paths(third) == ["a.txt", "d.txt"]
    assert (last.fresh, last.vanished) == (0, 0)
    assert b"another text" in (bucket.read("a.txt.md") or b"")
    assert bucket.has("b.txt.md")
    assert synced.vanished() == [("b.txt", False)]
    runs = (bucket.read("manifests/_index.jsonl") or b"").splitlines()
    assert [json.loads(run)["batch_id"] for run in runs] == [first.batch_id, third.batch_id]
    assert json.loads(runs[1])["vanished"] == ["b.txt"]


async def test_deletions_are_passed_on_when_asked(
    small_mill: Mill, bucket: Bucket, tmp_path: Path
) -> None:
    for path in ("a.txt", "sub/b.txt", "c.txt"):
        bucket.put_bytes(path, f"{path} {tmp_path.name}".encode(), "text/plain")
    out = tmp_path / "out"
    synced = Synced(small_mill, bucket.url, destination_of(out, tmp_path / "scratch"))
    await synced.save(delete_vanished=True)
    async with small_mill.worker():
        await synced.run()
        assert (out / "sub/b.txt.md").exists()
        bucket.delete("sub/b.txt")
        bucket.delete("c.txt")
        second = await synced.run()
        bucket.put_bytes("c.txt", b"again", "text/plain")
        third = await synced.run()

    assert (second.batch_id, second.vanished, second.deleted) == (None, 2, 2)
    assert sorted(synced.vanished()) == [("c.txt", True), ("sub/b.txt", True)]
    assert not (out / "sub").exists()
    assert not list(out.glob(".docmill-tmp-*"))
    assert await synced.paths(third) == ["c.txt"]
    assert (out / "c.txt.json").exists()


async def test_files_of_a_cancelled_sync_are_processed_by_the_next(
    small_mill: Mill, folder: Path, tmp_path: Path
) -> None:
    synced = Synced(small_mill, folder, destination_of(tmp_path / "out", tmp_path / "scratch"))
    await synced.save()
    service = SyncService(
        small_mill.database, small_mill.store, small_mill.settings, small_mill.service
    )
    request = SyncRequest(sync_id=synced.id, run_id="a run")
    begun = await service.begin(request)
    repeated = await service.begin(request)
    batch = await small_mill.service.get(DEFAULT_PROJECT_ID, str(begun.batch_id))
    await small_mill.service.cancel(batch, "a test")
    async with small_mill.worker():
        cancelled = await service.finish(begun, datetime.now(UTC))
        again = await synced.run()

    assert repeated == begun
    assert cancelled.status is BatchStatus.CANCELLED
    assert (again.fresh, again.completed, again.status) == (3, 3, BatchStatus.COMPLETED)


async def test_sync_completes_when_its_worker_is_replaced(
    small_mill: Mill, folder: Path, tmp_path: Path
) -> None:
    synced = Synced(small_mill, folder, destination_of(tmp_path / "out", tmp_path / "scratch"))
    await synced.save()
    running = asyncio.create_task(synced.run())

    async def has_batch() -> bool:
        async with small_mill.database.read() as session:
            return bool((await Batches(session).list(DEFAULT_PROJECT_ID)).items)

    async with small_mill.worker():
        await until(has_batch)
    async with small_mill.worker():
        result = await running

    assert (result.completed, result.status) == (3, BatchStatus.COMPLETED)
    assert (tmp_path / "out/sub/c.txt.md").exists()
    async with small_mill.database.read() as session:
        batches = (await Batches(session).list(DEFAULT_PROJECT_ID)).items
    assert [batch.id for batch in batches] == [result.batch_id]


async def test_source_that_is_gone_fails_the_sync_with_its_reason(
    small_mill: Mill, folder: Path, tmp_path: Path
) -> None:
    synced = Synced(small_mill, folder, destination_of(tmp_path / "out", tmp_path / "scratch"))
    await synced.save()
    folder.rename(tmp_path / "elsewhere")
    async with small_mill.worker():
        with pytest.raises(ConflictError, match="does not exist"):
            await synced.run()


async def test_schedule_runs_a_sync_and_can_be_changed_and_stopped(
    small_mill: Mill, folder: Path, tmp_path: Path
) -> None:
    synced = Synced(small_mill, folder, destination_of(tmp_path / "out", tmp_path / "scratch"))
    await synced.save()
    temporal = small_mill.temporal
    handle = temporal.get_schedule_handle(synced.id)

    async def has_run() -> bool:
        return bool((await handle.describe()).info.recent_actions)

    async with small_mill.worker():
        await schedule_sync(temporal, synced.id, "in to out", Timing(cron="0 3 * * *"))
        await schedule_sync(temporal, synced.id, "in to out", Timing(every=timedelta(seconds=1)))
        await until(has_run)
        description = await handle.describe()
        action = description.info.recent_actions[0].action
        assert isinstance(action, ScheduleActionExecutionStartWorkflow)
        result = await temporal.get_workflow_handle(
            action.workflow_id, result_type=SyncResult
        ).result()
        assert await stop_sync(temporal, synced.id)
        assert not await stop_sync(temporal, synced.id)

    assert result.completed == 3
    assert description.schedule.state.note == "in to out"
    assert (tmp_path / "out/sub/c.txt.md").exists()
    with pytest.raises(UsageError, match="does not accept"):
        await schedule_sync(temporal, synced.id, "in to out", Timing(cron="never"))
    history = await temporal.get_workflow_handle(action.workflow_id).fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_type.name == SYNC_WORKFLOW
