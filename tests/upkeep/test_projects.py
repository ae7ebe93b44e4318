"""Deleting a project removes everything of it and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client

from docmill.contracts.access import Actor
from docmill.errors import ConflictError, NotFoundError, UnavailableError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.documents import store_document
from docmill.objects.local import LocalStore
from docmill.records.audit import Audit
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.tables.access import AuditEvent
from docmill.records.tables.batches import Batch
from docmill.temporal.connections import TemporalLink
from docmill.upkeep.projects import delete_project
from tests.records.everywhere import add_everywhere, counts, found_everywhere

MARKS = ("oneproject", "twoproject")


async def _store_with_objects_of_both(root: Path) -> LocalStore:
    """Return a store where each project has an upload, results and a manifest."""
    store = LocalStore(root)
    for mark in MARKS:
        document = root.parent / mark
        document.write_bytes(b"the same bytes")
        await store_document(store, f"prj-{mark}", "0" * 64, 14, document)
        await store.put_bytes(f"results/prj-{mark}/batches-{mark}/0/1-1-1.result.json", b"{}")
        await store.put_bytes(f"batches/batches-{mark}/1/manifest.jsonl", b"{}")
        await store.put_bytes(f"results-{mark}/result.json", b"{}")  # as older versions had them
    return store


def _left(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob("*") if path.is_file())


async def test_deleted_project_is_found_nowhere(database: Database, tmp_path: Path) -> None:
    store = await _store_with_objects_of_both(tmp_path / "objects")
    before = await add_everywhere(database, f"prj-{MARKS[1]}", MARKS[1])
    await add_everywhere(database, f"prj-{MARKS[0]}", MARKS[0])

    await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)

    assert set(await found_everywhere(database, MARKS[0])) == {AuditEvent.__tablename__}
    after = await counts(database)
    assert after == before | {"audit_events": before["audit_events"] + 1}
    assert not [path for path in _left(tmp_path / "objects") if MARKS[0] in path]
    assert len([path for path in _left(tmp_path / "objects") if MARKS[1] in path]) == 4
    with pytest.raises(NotFoundError):
        await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)


async def test_interrupted_deletion_is_resumed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await _store_with_objects_of_both(tmp_path / "objects")
    await add_everywhere(database, f"prj-{MARKS[0]}", MARKS[0])

    async def full(*_: object) -> None:
        raise OSError("the store broke")

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "delete_below", full)
        with pytest.raises(OSError, match="the store broke"):
            await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)
    async with database.read() as session:
        assert (await Projects(session).list()).items[-1].id != f"prj-{MARKS[0]}"
    await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)

    assert set(await found_everywhere(database, MARKS[0])) == {AuditEvent.__tablename__}


async def test_default_project_and_projects_with_open_batches_or_jobs_cannot_be_deleted(
    database: Database, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "objects")
    await add_everywhere(database, f"prj-{MARKS[0]}", MARKS[0])
    async with database.write() as session:
        batch = await session.get_one(Batch, f"batches-{MARKS[0]}")
        batch.status = "RUNNING"
    with pytest.raises(ConflictError, match="not ended"):
        await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)
    async with database.write() as session:
        batch = await session.get_one(Batch, f"batches-{MARKS[0]}")
        batch.status, batch.engine = "COMPLETED", "llamacloud"
    with pytest.raises(ConflictError, match="1 files have jobs at remote engines"):
        await delete_project(database, store, f"prj-{MARKS[0]}", histories=None, settle=0)
    with pytest.raises(ConflictError, match="default"):
        await delete_project(database, store, DEFAULT_PROJECT_ID, histories=None, settle=0)


async def test_jobs_of_an_engine_that_no_worker_has_can_be_abandoned_and_are_audited(
    database: Database, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "objects")
    project = f"prj-{MARKS[0]}"
    await add_everywhere(database, project, MARKS[0])
    async with database.write() as session:
        batch = await session.get_one(Batch, f"batches-{MARKS[0]}")
        batch.status, batch.engine = "COMPLETED", "llamacloud"
    with pytest.raises(ConflictError) as refused:
        await delete_project(database, store, project, histories=None, settle=0)
    assert "--abandon-remote-jobs" in refused.value.hint

    actor = Actor("cli:operator", "delete_project")
    await delete_project(
        database, store, project, histories=None, actor=actor, abandon_jobs=True, settle=0
    )

    assert set(await found_everywhere(database, MARKS[0])) == {AuditEvent.__tablename__}
    async with database.read() as session:
        events = await Audit(session).list(project, limit=10)
    (abandoned,) = [event for event in events if event.action == "abandon_remote_jobs"]
    assert abandoned.actor == "cli:operator"
    assert abandoned.objects
    assert all(name.startswith("llamacloud:") for name in abandoned.objects)


async def test_deletion_stops_before_the_data_while_temporal_is_away(
    database: Database, tmp_path: Path
) -> None:
    store = await _store_with_objects_of_both(tmp_path / "objects")
    await add_everywhere(database, f"prj-{MARKS[0]}", MARKS[0])
    found = await found_everywhere(database, MARKS[0])

    async def away() -> Client:
        raise RuntimeError("connection refused")

    @asynccontextmanager
    async def unconnected() -> AsyncIterator[TemporalLink]:
        yield TemporalLink(away, "default", [f"batches-{MARKS[0]}"])

    project = f"prj-{MARKS[0]}"
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await delete_project(database, store, project, histories=unconnected, settle=0)
    assert await found_everywhere(database, MARKS[0]) == found
    assert len([path for path in _left(tmp_path / "objects") if MARKS[0] in path]) == 4
