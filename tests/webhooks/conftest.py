"""A mill whose webhooks may call loopback, and helpers to configure them."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from docmill.contracts.batches import BatchSpec
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.database import Database
from docmill.records.deliveries import Deliveries
from docmill.records.tables.api import WebhookTarget
from docmill.records.tables.batches import Batch
from docmill.records.tables.webhooks import WebhookAttempt, WebhookEvent
from docmill.records.webhooks import Webhooks
from tests.fixtures.mill import Mill, until
from tests.records.making import batch_over, source_directory
from worker import running_deliveries

SECRET = "a secret that nobody guesses"


async def add_targets(database: Database, owner_id: str, url: str, **endpoint: Any) -> None:
    """Make an owner report to one more inline endpoint."""
    await aim_all(database, owner_id, [{"webhook_url": url, **endpoint}])


async def aim_all(database: Database, owner_id: str, endpoints: list[dict[str, Any]]) -> None:
    """Make an owner report to these inline endpoints."""
    async with database.write() as session:
        await Webhooks(session).add_targets(
            [
                WebhookTarget(
                    owner_id=owner_id,
                    number=number,
                    project_id=DEFAULT_PROJECT_ID,
                    endpoint=endpoint,
                )
                for number, endpoint in enumerate(endpoints)
            ]
        )


async def outbox(database: Database) -> list[WebhookEvent]:
    """Every event, the oldest first."""
    async with database.read() as session:
        found = await Deliveries(session).list(DEFAULT_PROJECT_ID, limit=1_000)
    return found.items[::-1]


async def attempts(database: Database, event: WebhookEvent) -> list[WebhookAttempt]:
    async with database.read() as session:
        return list(await Deliveries(session).attempts(event.id))


async def arrived(database: Database) -> bool:
    """Whether every event was delivered."""
    return {event.state for event in await outbox(database)} == {"delivered"}


def deliveries(mill: Mill) -> AbstractAsyncContextManager[None]:
    """The part of a worker that delivers, without engines."""
    return running_deliveries(mill.temporal, mill.database, mill.store, mill.settings)


async def pending_batch(database: Database, batch_id: str, **fields: Any) -> Batch:
    """Create a batch's row, and with it its first event; nothing runs."""
    directory = await source_directory(database)
    return await batch_over(database, directory, id=batch_id, **fields)


async def until_states(database: Database, states: set[str], seconds: float = 60) -> None:
    """Await that every event is in one of ``states``."""

    async def all_there() -> bool:
        return {event.state for event in await outbox(database)} <= states

    await until(all_there, seconds)


async def hooked(mill: Mill, folder: Any, batch_id: str, url: str, **endpoint: Any) -> Batch:
    """Run a batch that reports to ``url``."""
    await add_targets(mill.database, batch_id, url, **endpoint)
    return await start(mill, folder, batch_id)


async def start(mill: Mill, folder: Any, batch_id: str, **fields: Any) -> Batch:
    """Create and start a batch under an id that endpoints were aimed at."""
    batch, _ = await mill.service.create(BatchSpec(folder=str(folder)), id=batch_id, **fields)
    await mill.service.start(batch)
    return batch


@pytest.fixture
def hook_mill(small_mill: Mill) -> Mill:
    """A Docmill whose deliveries may go to loopback."""
    return _reaching_loopback(small_mill)


@pytest.fixture
def skipping_hook_mill(skipping_mill: Mill) -> Mill:
    """The same on the server that skips time."""
    return _reaching_loopback(skipping_mill)


def _reaching_loopback(mill: Mill) -> Mill:
    settings = mill.settings.model_copy(update={"fence_allow": ("127.0.0.1",)})
    return Mill(mill.temporal, mill.database, settings)
