"""Restored backups: records that are older than Temporal's state, and the reverse."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

import worker as worker_module
from docmill.batches import reconcile
from docmill.contracts.words import BatchStatus
from docmill.errors import NotFoundError
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from docmill.temporal.payloads import PLAIN
from tests.fixtures.mill import Mill, settings_for, until, write_command, write_texts
from tests.fixtures.temporal import BINARIES
from workflows import policies

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "GRACE", timedelta(0))
    # A restored Temporal waits for heartbeats of items that the workers had at the backup.
    monkeypatch.setitem(policies.ITEM, "heartbeat_timeout", timedelta(seconds=3))


def write_gated(folder: Path, count: int) -> Path:
    """Write one file that completes at once and others that wait for a path; return the path."""
    gate = folder.parent / f"{folder.name}-gate"
    write_texts(folder, 1)
    for number in range(1, count):
        write_command(folder, f"waiting-{number}.txt", do="wait", file=str(gate))
    return gate


def back_up(records: Path, copy: Path) -> None:
    """Copy a SQLite file that is in use, as the command .backup of sqlite3 does."""
    with sqlite3.connect(records) as source, sqlite3.connect(copy) as target:
        source.backup(target)


async def until_completed(mill: Mill, batch: Batch) -> None:
    async def completed() -> bool:
        return (await mill.row(batch)).status == BatchStatus.COMPLETED

    await until(completed)


async def test_older_records_beside_newer_temporal(small_mill: Mill, tmp_path: Path) -> None:
    records = small_mill.database.path
    assert records is not None
    gate = write_gated(tmp_path / "in", 2)
    later_gate = write_gated(tmp_path / "later", 2)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(tmp_path / "in")
        await small_mill.until_progress(batch, lambda now: now.processed == 1)
        back_up(records, tmp_path / "backup.db")
        gate.touch()
        await small_mill.client.result(batch.id)
        later = await small_mill.start(tmp_path / "later")
        await small_mill.until_progress(later, lambda now: now.processed == 1)
    await small_mill.database.close()
    for name in (records, *records.parent.glob(f"{records.name}-*")):
        name.unlink()
    shutil.copyfile(tmp_path / "backup.db", records)

    assert (await small_mill.row(batch)).status == BatchStatus.RUNNING
    later_gate.touch()
    async with small_mill.faulty_worker():
        await until_completed(small_mill, batch)
        with pytest.raises(WorkflowFailureError) as ended:
            await small_mill.client.result(later.id)
    assert set((await small_mill.outcomes(batch)).values()) == {"completed"}
    assert isinstance(ended.value.cause, ApplicationError)
    assert f"No batch {later.id}" in ended.value.cause.message
    with pytest.raises(NotFoundError):
        await small_mill.row(later)


@asynccontextmanager
async def temporal_on(file: Path) -> AsyncIterator[Client]:
    """A server whose state is in a file."""
    async with await WorkflowEnvironment.start_local(
        data_converter=PLAIN,
        dev_server_existing_path=str(BINARIES / "temporal"),
        dev_server_database_filename=str(file),
    ) as environment:
        yield environment.client


async def test_newer_records_beside_older_temporal(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    state, backup = tmp_path / "temporal.db", tmp_path / "backup.db"
    database = Database(migrated_sqlite_url, EVERY_PROJECT)
    settings = settings_for(tmp_path, migrated_sqlite_url)
    gate = write_gated(tmp_path / "in", 2)
    later_gate = write_gated(tmp_path / "later", 2)
    async with temporal_on(state) as temporal:
        mill = Mill(temporal, database, settings)
        async with mill.faulty_worker():
            batch = await mill.start(tmp_path / "in")
            await mill.until_progress(batch, lambda now: now.processed == 1)
            back_up(state, backup)
            gate.touch()
            await mill.client.result(batch.id)
            ended = await mill.row(batch)
            later = await mill.start(tmp_path / "later")
            await mill.until_progress(later, lambda now: now.processed == 1)

    later_gate.touch()
    async with temporal_on(backup) as temporal:
        mill = Mill(temporal, database, settings)
        assert await mill.client.status(batch.id) is WorkflowExecutionStatus.RUNNING
        assert await mill.client.status(later.id) is None
        async with mill.faulty_worker():
            result = await mill.client.result(batch.id)
            await until_completed(mill, later)
        assert result.tally.completed == 2
        row = await mill.row(batch)
        assert (row.status, row.ended_at) == (BatchStatus.COMPLETED, ended.ended_at)
        for one in (batch, later):
            assert set((await mill.outcomes(one)).values()) == {"completed"}
    await database.close()
