"""Retention of directories and of the delivery log, and its schedule."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from docmill.contracts.retention import RetentionReport
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.tables.batches import Batch
from docmill.records.tables.webhooks import WebhookEvent
from docmill.temporal.schedules import SCHEDULE_ID
from docmill.upkeep.retention import retain
from tests.fixtures.mill import Mill, until
from tests.records.making import PROJECT, batch_over
from tests.webhooks.conftest import add_targets, outbox, pending_batch

NOW = datetime.now(UTC)


async def _retain(mill: Mill, at: datetime = NOW) -> RetentionReport:
    return await retain(mill.database, mill.store, mill.settings, at)


async def test_ephemeral_directory_expires_unless_an_open_batch_uses_it(
    database: Database, mill: Mill
) -> None:
    async def make(name: str, **fields: Any) -> Any:
        async with database.write() as session:
            return await Directories(session).create(PROJECT, name, id=f"dir-{name}", **fields)

    over = NOW - timedelta(minutes=1)
    await make("over", type="ephemeral", expires_at=over)
    listed = await make("listed", type="ephemeral", expires_at=over)
    await make("later", type="ephemeral", expires_at=NOW + timedelta(hours=1))
    await make("kept", type="user", expires_at=over)
    batch = await batch_over(database, listed)
    assert (await _retain(mill)).directories == 1
    assert await _names(database) == {"listed", "later", "kept"}
    async with database.write() as session:
        await session.execute(update(Batch).where(Batch.id == batch.id).values(status="CANCELLED"))
    assert (await _retain(mill)).directories == 1
    assert await _names(database) == {"later", "kept"}


async def _names(database: Database) -> set[str]:
    async with database.read() as session:
        return {row.name for row in (await Directories(session).list(PROJECT)).items}


async def test_delivery_log_is_kept_for_the_configured_time(database: Database, mill: Mill) -> None:
    for name in ("old", "new", "waiting"):
        await add_targets(database, f"bat-{name}", "https://example.com/hook")
        await pending_batch(database, f"bat-{name}")
    ages = {"bat-old": 31, "bat-new": 29}
    async with database.write() as session:
        for owner, days in ages.items():
            ended = update(WebhookEvent).where(WebhookEvent.owner_id == owner)
            await session.execute(
                ended.values(state="delivered", ended_at=NOW - timedelta(days=days))
            )
    assert (await _retain(mill)).webhook_events == 1
    assert {event.owner_id for event in await outbox(database)} == {"bat-new", "bat-waiting"}


async def test_retention_is_run_by_a_temporal_schedule(small_mill: Mill) -> None:
    async with small_mill.database.write() as session:
        await Directories(session).create(
            PROJECT, "over", type="ephemeral", expires_at=NOW - timedelta(days=1)
        )
    async with small_mill.worker():
        pass  # the first worker makes the schedule
    async with small_mill.worker():
        schedule = small_mill.temporal.get_schedule_handle(SCHEDULE_ID)
        assert (await schedule.describe()).schedule.spec.intervals
        await schedule.trigger()

        async def is_purged() -> bool:
            return await _names(small_mill.database) == set()

        await until(is_purged)
    await schedule.delete()
