"""Batches over a bucket: groups of small objects, and objects that change meanwhile."""

import pytest

from docmill.contracts.batches import BatchSpec
from docmill.contracts.names import UNGROUPED_BATCH
from docmill.contracts.words import BatchStatus
from docmill.objects.buckets import Bucket
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl
from tests.fixtures.mill import Mill

pytestmark = pytest.mark.integration


@pytest.fixture
def bucket(s3_url: str) -> Bucket:
    bucket = open_bucket(BucketUrl.parse(s3_url))
    for number in range(UNGROUPED_BATCH + 10):
        text = f"Note number {number} of {s3_url}.\n"
        bucket.put_bytes(f"{number:04}.txt", text.encode(), "text/plain")
    return bucket


async def test_objects_that_change_or_go_fail_alone_in_groups(
    small_mill: Mill, bucket: Bucket
) -> None:
    spec = BatchSpec(folder=str(bucket.url))
    batch, _ = await small_mill.service.create(spec)
    bucket.put_bytes("0001.txt", b"another text", "text/plain")
    bucket.delete("0002.txt")
    await small_mill.service.start(batch)
    async with small_mill.worker():
        await small_mill.client.result(batch.id)
    items = {item.path: item for item in await small_mill.items(batch)}

    failed = {path: item.failure_class for path, item in items.items() if item.status == "failed"}
    assert failed == {"0001.txt": "source_changed", "0002.txt": "source_vanished"}
    assert len(items) == UNGROUPED_BATCH + 10
    assert {item.status for item in items.values()} == {"completed", "failed"}
    assert (await small_mill.row(batch)).status == BatchStatus.COMPLETED
    history = await small_mill.temporal.get_workflow_handle(batch.id).fetch_history()
    activities = {
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
    }
    assert {"process_group", "process_item"} <= activities
