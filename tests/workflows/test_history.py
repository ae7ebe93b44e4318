"""The history of a run is bounded for every size of a batch."""

from pathlib import Path

from temporalio.api.enums.v1 import EventType

from docmill.testing import mock_engine
from tests.fixtures.mill import Mill, write_texts
from worker import running_worker

MAX_EVENTS = 4_000
MAX_BYTES = 2_000_000


async def test_history_of_a_run_stays_within_its_limit(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 1_200)
    async with running_worker(small_mill.temporal, small_mill.settings, mock_engine.MODULE):
        batch = await small_mill.run(
            folder,
            page_size=1000,
            continue_as_new_threshold=5000,
            concurrency=256,
            items_per_activity=1,
        )
    assert batch.status == "COMPLETED"
    runs = 0
    async for execution in small_mill.temporal.list_workflows(f"WorkflowId = '{batch.id}'"):
        handle = small_mill.temporal.get_workflow_handle(batch.id, run_id=execution.run_id)
        events = [event async for event in handle.fetch_history_events()]
        assert len(events) < MAX_EVENTS
        assert sum(event.ByteSize() for event in events) < MAX_BYTES
        assert events[-1].event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED
        runs += 1
    assert runs >= 2
