"""``expand=results``: each file's job, streamed, so that a batch of any size fits."""

import json
from collections.abc import AsyncIterator

from docmill.api.batches.schemas import BatchItemResult, BatchView, JobReference
from docmill.contracts.words import ItemStatus
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch

CHUNK = 1_000
"""Items of one read."""


async def stream_results(
    database: Database, batch: Batch, answer: BatchView
) -> AsyncIterator[bytes]:
    """Yield ``answer`` as JSON with its results filled in from the ledger."""
    rest = answer.model_dump(mode="json", exclude={"results"})
    yield json.dumps(rest).encode()[:-1] + b', "results": ['
    separator = b""
    after = 0
    while True:
        async with database.read() as session:
            items = await Ledger(session).walk(batch, after, CHUNK)
        if items:
            results = [_result(item, answer).model_dump_json().encode() for item in items]
            yield separator + b",".join(results)
            separator = b","
            after = items[-1].position
        if len(items) < CHUNK:
            break
    yield b"]}"


def _result(item: ItemRow, answer: BatchView) -> BatchItemResult:
    if item.job_id is None or (item.status == ItemStatus.CANCELLED and item.started_at is None):
        return BatchItemResult(
            source_directory_file_id=item.item_id,
            error_message="The batch was cancelled before a job was made for this file.",
        )
    return BatchItemResult(
        source_directory_file_id=item.item_id,
        job_reference=JobReference(type=answer.config.job.type, id=item.job_id),
        warnings=item.warnings,
    )
