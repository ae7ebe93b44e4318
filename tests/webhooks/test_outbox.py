"""The events of the outbox, each written in the transaction of its change."""

from typing import Any

import pytest

from docmill.contracts.words import BatchStatus
from docmill.errors import NotFoundError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch
from tests.records.making import (
    batch_over,
    claim,
    complete,
    completed,
    failed,
    page,
    scanned,
    settle,
)
from tests.webhooks.conftest import add_targets, outbox

URL = "https://example.com/hook"


async def _listened(
    database: Database, api: str = "v1", files: int = 1, batch_id: str = "bat-1", **endpoint: Any
) -> Batch:
    """A batch whose files are listed, and one endpoint."""
    directory = await scanned(database, files, folder=f"/{batch_id}")
    await add_targets(database, batch_id, URL, **endpoint)
    return await batch_over(database, directory, id=batch_id, api=api)


async def _types(database: Database) -> list[str]:
    return [event.event_type for event in await outbox(database)]


async def test_every_state_of_a_file_sends_one_event(database: Database) -> None:
    batch = await _listened(database)
    for _ in range(2):
        await page(database, batch)
    item = await claim(database, batch, 1)
    item = await claim(database, batch, 1, worker="another")
    assert await settle(database, item, failed())
    assert await _types(database) == ["parse.pending", "parse.running", "parse.error"]
    ended = (await outbox(database))[-1]
    assert ended.data == {
        "id": item.job_id,
        "job_id": item.job_id,
        "project_id": batch.project_id,
        "status": "FAILED",
        "batch_id": batch.id,
        "source_directory_file_id": item.item_id,
        "failure_class": "corrupt",
    }


async def test_partial_success_is_reported_for_new_and_stored_results(database: Database) -> None:
    batch = await _listened(database, webhook_events=["parse.success", "parse.partial_success"])
    await page(database, batch)
    await complete(database, batch, 1, "s1")
    again = await batch_over(database, await scanned(database, 1, folder="/bat-1"), id="bat-2")
    assert again.webhooks is None
    await add_targets(database, "bat-3", URL)
    third = await batch_over(
        database, await scanned(database, 1, folder="/bat-1"), id="bat-3", api="v1"
    )
    await page(database, third)
    assert await _types(database) == [
        "parse.partial_success",
        "parse.pending",
        "parse.partial_success",
    ]


async def test_rolled_back_change_sends_no_event(database: Database) -> None:
    batch = await _listened(database)
    await page(database, batch)
    item = await claim(database, batch, 1)
    before = await _types(database)

    async def settle_and_fail() -> None:
        async with database.write() as session:
            await Ledger(session).settle([(item, completed("s"))])
            await Batches(session).get(None, "bat-unknown")

    with pytest.raises(NotFoundError):
        await settle_and_fail()
    assert await _types(database) == before


async def test_cancelled_files_are_reported_together(database: Database) -> None:
    batch = await _listened(database, files=3, webhook_events=["parse.cancelled"])
    await page(database, batch, limit=2)
    async with database.write() as session:
        while await Ledger(session).cancel_rest(batch, 10):
            pass
    # the third file was never reached: it had no job
    assert await _types(database) == ["parse.cancelled"] * 2


@pytest.mark.parametrize(
    ("api", "wanted", "heard"),
    [
        ("v2", None, ["batch.pending", "batch.running", "batch.success"]),
        ("v2", ["parse.error", "batch.success"], ["parse.error", "batch.success"]),
        ("v1", None, ["parse.pending", "parse.running", "parse.error"]),
        ("v1", ["batch.success", "batch.error"], ["batch.success"]),
        ("job", None, ["parse.pending", "parse.running", "parse.error"]),
        ("job", ["batch.success"], []),
        ("v2", [], []),
        ("v2", ["extract.success", "split.success"], []),
    ],
)
async def test_endpoint_receives_the_possible_events_that_it_subscribed_to(
    database: Database, api: str, wanted: list[str] | None, heard: list[str]
) -> None:
    batch = await _listened(database, api, webhook_events=wanted)
    await _move(database, batch, BatchStatus.RUNNING, BatchStatus.PENDING)
    await page(database, batch)
    await settle(database, await claim(database, batch, 1), failed())
    await _move(database, batch, BatchStatus.COMPLETED, BatchStatus.RUNNING)
    assert await _types(database) == heard


async def test_repeated_status_change_sends_one_event(database: Database) -> None:
    batch = await _listened(database, "v2")
    for _ in range(2):
        await _move(database, batch, BatchStatus.CANCELLED, BatchStatus.PENDING)
    assert await _types(database) == ["batch.pending", "batch.cancelled"]


async def _move(database: Database, batch: Batch, to: BatchStatus, from_: BatchStatus) -> None:
    async with database.write() as session:
        await Batches(session).move(batch.id, to, from_=(from_,))


async def test_batch_without_subscribers_writes_no_events(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    item = await complete(database, batch, 1, "s")
    assert item.subscribers is None
    assert await outbox(database) == []
