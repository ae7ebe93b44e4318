"""Deleting a project deletes the histories of its workflows, and Temporal has nothing of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from docmill.contracts.access import Limits
from docmill.contracts.batches import BatchSpec
from docmill.contracts.deliveries import delivery_workflow_id
from docmill.embedded.addresses import free_port
from docmill.ids import Prefix, new_id
from docmill.records.outbox import endpoint_id_of
from docmill.records.projects import Projects
from docmill.records.tables.api import WebhookTarget
from docmill.records.tables.batches import Batch
from docmill.records.webhooks import Webhooks
from docmill.temporal.connections import TemporalLink
from docmill.upkeep.histories import OpenLink
from docmill.upkeep.projects import delete_project
from tests.fixtures.keys import SECRET_KEY
from tests.fixtures.mill import Mill, until, write_texts

FILES = 6
RUNNING = WorkflowExecutionStatus.RUNNING


def _link(mill: Mill) -> OpenLink:
    @asynccontextmanager
    async def open_link() -> AsyncIterator[TemporalLink]:
        yield TemporalLink.over(mill.temporal)

    return open_link


async def _project_with_workflows(mill: Mill, folder: Path) -> tuple[str, Batch, str]:
    """Run a batch of several runs in a new project, with a webhook that nobody answers."""
    async with mill.database.write() as session:
        project = await Projects(session).create(folder.name, Limits())
    url = f"http://127.0.0.1:{free_port()}/hook"
    batch_id = new_id(Prefix.BATCH)
    async with mill.database.write() as session:
        target = WebhookTarget(
            owner_id=batch_id, number=0, project_id=project.id, endpoint={"webhook_url": url}
        )
        await Webhooks(session).add_targets([target])
    spec = BatchSpec(
        folder=str(write_texts(folder, FILES)),
        project_id=project.id,
        page_size=1,
        continue_as_new_threshold=2,
        items_per_activity=1,
    )
    batch, _ = await mill.service.create(spec, id=batch_id)
    await mill.service.start(batch)
    await mill.client.result(batch.id)
    return project.id, batch, delivery_workflow_id(endpoint_id_of(project.id, url))


async def _runs(mill: Mill, workflow_id: str) -> list[WorkflowExecutionStatus | None]:
    listed = mill.temporal.list_workflows(f"WorkflowId = '{workflow_id}'")
    return [run.status async for run in listed]


async def _everything_in_temporal(mill: Mill) -> bytes:
    """Return what Temporal knows of every run: description and history."""
    found = []
    async for run in mill.temporal.list_workflows():
        handle = mill.temporal.get_workflow_handle(run.id, run_id=run.run_id)
        try:
            found.append((await handle.describe()).raw_description.SerializeToString())
            found += [event.SerializeToString() async for event in handle.fetch_history_events()]
        except RPCError:  # of another test, deleted meanwhile
            continue
    return b"\n".join(found)


async def test_histories_of_a_deleted_project_are_gone(mill: Mill, tmp_path: Path) -> None:
    changes = {"fence_allow": ("127.0.0.1",), "secret_key": SecretStr(SECRET_KEY)}
    mill = Mill(mill.temporal, mill.database, mill.settings.model_copy(update=changes))
    async with mill.worker():
        gone, batch, delivery = await _project_with_workflows(mill, tmp_path / "gone")
        stays, other, _ = await _project_with_workflows(mill, tmp_path / "stays")

        async def listed() -> bool:
            deliveries = await _runs(mill, delivery)
            return len(await _runs(mill, batch.id)) > 1 and RUNNING in deliveries

        await until(listed)  # visibility follows the history
        await delete_project(mill.database, mill.store, gone, histories=_link(mill), settle=0)

        held = await _everything_in_temporal(mill)
        for name in (gone, batch.id, delivery):
            assert name.encode() not in held, name
        assert stays.encode() in held
        assert other.id.encode() in held
        for workflow_id in (batch.id, delivery):
            with pytest.raises(RPCError, match="not found"):
                await mill.temporal.get_workflow_handle(workflow_id).describe()
