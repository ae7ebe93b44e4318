"""Every task has the fairness key of its project."""

from pathlib import Path

from temporalio.api.enums.v1 import EventType

from tests.fixtures.mill import Mill, write_texts


async def test_every_task_of_a_batch_carries_its_project(small_mill: Mill, tmp_path: Path) -> None:
    async with small_mill.worker():
        batch = await small_mill.run(write_texts(tmp_path / "in", 2))
    history = await small_mill.temporal.get_workflow_handle(batch.id).fetch_history()
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    keys = {task.activity_type.name: task.priority.fairness_key for task in scheduled}
    assert keys.keys() >= {"open_batch", "next_page", "process_item", "close_batch"}
    del keys["open_batch"]  # inherits the workflow's, which the client gave
    assert set(keys.values()) == {batch.project_id}
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.priority.fairness_key == batch.project_id
