"""Open work for metrics, and outcomes that are reported when their transaction commits."""

from collections.abc import Sequence

import pytest

from docmill.contracts.access import Limits
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.ledger import Ledger
from docmill.records.outcomes import SettledItem
from docmill.records.overview import open_work
from docmill.records.projects import Projects
from docmill.records.tables.batches import Batch
from docmill.records.tables.webhooks import WebhookEvent
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


async def _batches(database: Database, *states: str) -> list[Batch]:
    directory = await scanned(database, 3)
    found = [await batch_over(database, directory) for _ in states]
    async with database.write() as session:
        for batch, status in zip(found, states, strict=True):
            await Batches(session).set_state(batch.id, status=status)
    return found


async def test_open_work_counts_what_has_not_ended(database: Database) -> None:
    running, paused, _, _ = await _batches(database, "RUNNING", "RUNNING", "THROTTLED", "COMPLETED")
    await page(database, running)
    await complete(database, running, 1, "one")
    async with database.write() as session:
        await Batches(session).set_state(paused.id, paused=True)
        for number, state in enumerate(("pending", "pending", "delivered")):
            session.add(
                WebhookEvent(
                    id=f"evt-{number}",
                    project_id=DEFAULT_PROJECT_ID,
                    namespace="default",
                    endpoint_id="end",
                    owner_id=running.id,
                    number=0,
                    event_type="batch.completed",
                    subject_id="it",
                    data={},
                    state=state,
                )
            )
        await Projects(session).create("Another", Limits())
        await Projects(session).create("Beyond", Limits())
    async with database.read() as session:
        work = await open_work(session, projects=2)

    assert work.batches == {"PENDING": 0, "RUNNING": 2, "THROTTLED": 1}
    assert work.items_waiting == 2 + 3 + 3
    assert work.progress == {running.id: (1, 1)}
    assert work.webhooks_pending == 2
    assert [name for _, name in work.projects] == ["Another", "Beyond"]


async def test_committed_outcomes_are_reported_and_others_are_not(database: Database) -> None:
    reported: list[SettledItem] = []

    def report(settled: Sequence[SettledItem]) -> None:
        reported.extend(settled)

    database.on_settled = report
    directory = await scanned(database, 4)
    batch = await batch_over(database, directory)
    await page(database, batch)
    first, second = [await claim(database, batch, position) for position in (1, 2)]

    async def roll_back() -> None:
        async with database.write() as session:
            await Ledger(session).settle([(first, completed("lost"))])
            raise LookupError

    with pytest.raises(LookupError):
        await roll_back()
    assert reported == []
    assert await settle(database, first, completed("one"))
    assert not await settle(database, first, completed("again"))
    assert await settle(database, second, failed())
    async with database.write() as session:
        await Ledger(session).cancel_rest(batch, limit=10)

    project = batch.project_id
    assert reported == [
        SettledItem(project, "completed", "liteparse", None, 2, 1),
        SettledItem(project, "failed", None, "corrupt"),
        SettledItem(project, "cancelled", None, "cancelled", items=2),
    ]
