"""A worker whose code cannot replay the running batches reports it and takes no work."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from docmill.contracts.batches import BatchInput
from docmill.contracts.names import BATCH_WORKFLOW
from docmill.errors import ConflictError
from docmill.temporal.preflight import check_histories
from tests.fixtures.mill import Mill, write_texts
from workflows.batch import BatchWorkflow


@workflow.defn(name=BATCH_WORKFLOW, sandboxed=False)
class OtherCode:
    """What a release would be that forgot the batches of the one before."""

    @workflow.run
    async def run(self, batch: BatchInput) -> None:
        """Begin with something that no history begins with."""
        await workflow.sleep(timedelta(days=1))


async def test_worker_refuses_to_start_when_its_code_cannot_replay_a_running_batch(
    small_mill: Mill, tmp_path: Path
) -> None:
    batch = await small_mill.start(write_texts(tmp_path / "in", 4))
    await small_mill.service.pause(batch)
    async with small_mill.worker():
        await small_mill.until_progress(batch, lambda now: now.state == "paused")
    assert await check_histories(small_mill.temporal, BatchWorkflow) == 1
    with pytest.raises(ConflictError, match=batch.id) as refused:
        await check_histories(small_mill.temporal, OtherCode)
    assert "cancel it" in refused.value.hint


async def test_worker_starts_when_the_server_cannot_list_workflows(
    time_skipping_server: WorkflowEnvironment,
) -> None:
    assert await check_histories(time_skipping_server.client, BatchWorkflow) == 0
