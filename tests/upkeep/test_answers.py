"""The API's answer for a purged result."""

from datetime import UTC, datetime

import httpx
from sqlalchemy import update

from docmill.records.database import Database
from docmill.records.jobs import Jobs
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Result
from tests.api.steps import make_directory, ok, upload
from tests.fixtures.mill import until
from tests.fixtures.running import RunningDocmill


async def test_purged_result_returns_404_with_its_date_and_its_job_stays(
    live: httpx.AsyncClient, running: RunningDocmill
) -> None:
    directory = await make_directory(live)
    await upload(live, directory["id"], "old.txt", b"A note that is kept no longer.")
    made = await ok(
        await live.post(
            "/api/v2/batches",
            json={
                "source_directory_id": directory["id"],
                "config": {"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_FAST"}},
            },
        ),
        201,
    )
    items = f"/api/docmill/v1/batches/{made['id']}/items"

    async def is_done() -> bool:
        found = (await ok(await live.get(items)))["items"]
        return bool(found) and found[0]["status"] == "completed"

    await until(is_done)
    (item,) = (await ok(await live.get(items)))["items"]
    assert item["purged"] is False
    await _purge(running, item["job_id"])

    (item,) = (await ok(await live.get(items)))["items"]
    assert item["purged"] is True
    address = f"/api/v2/parse/{item['job_id']}"
    assert (await ok(await live.get(address)))["job"]["status"] == "COMPLETED"
    gone = await live.get(address, params={"expand": "markdown"})
    assert gone.status_code == 404
    assert f"purged on {datetime.now(UTC):%Y-%m}" in gone.json()["detail"]
    assert "Run the file again" in gone.json()["hint"]


async def _purge(running: RunningDocmill, job_id: str) -> None:
    database = Database(f"sqlite+aiosqlite:///{running.home / 'records.db'}", EVERY_PROJECT)
    async with database.write() as session:
        job = await Jobs(session).get(None, job_id)
        purged = update(Result).where(Result.id == job.result_id)
        await session.execute(purged.values(purged_at=datetime.now(UTC)))
    await database.close()
