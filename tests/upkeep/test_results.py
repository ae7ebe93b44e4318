"""Stored results: purged when nothing needs them, recreated on demand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from docmill.contracts.retention import RetentionReport
from docmill.contracts.words import Outcome
from docmill.objects.results import RESULT_FILE, result_key
from docmill.processing.results import prefix_of
from docmill.records.database import Database
from docmill.records.ledger import Settlement
from docmill.records.results import PurgedError, Results, result_id_of
from docmill.records.tables.batches import Batch, Result
from docmill.upkeep.retention import retain
from tests.fixtures.mill import Mill, write_texts
from tests.records.making import (
    PROJECT,
    batch_over,
    claim,
    complete,
    completed,
    key_of,
    new_result,
    page,
    result_of,
    scanned,
    settle,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def _age(database: Database) -> None:
    """Let every result be as if it was made, and last used, long ago."""
    async with database.write() as session:
        await session.execute(update(Result).values(created_at=LONG_AGO, used_at=None))


async def _retain(mill: Mill, **settings: Any) -> RetentionReport:
    changed = mill.settings.model_copy(update={"result_ttl_days": 7, **settings})
    return await retain(mill.database, mill.store, changed, datetime.now(UTC))


async def test_purged_result_is_removed_and_recorded_in_the_ledger(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    results = small_mill.settings.home / "objects/results"
    async with small_mill.worker():
        batch = await small_mill.run(folder)
        await _age(small_mill.database)
        assert (await _retain(small_mill)).results == 3
        assert not any(path.is_file() for path in results.rglob("*"))
        items = await small_mill.items(batch)
        assert {item.status for item in items} == {"completed"}
        assert all(item.purged and item.object_prefix is None for item in items)

        again = await small_mill.run(folder)
    assert set((await small_mill.outcomes(again)).values()) == {"completed"}
    for item in [*await small_mill.items(batch), *await small_mill.items(again)]:
        assert not item.purged
        assert await small_mill.store.size(result_key(item.object_prefix or "", RESULT_FILE))


async def test_recently_used_results_are_not_purged(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 2)
    async with small_mill.worker():
        await small_mill.run(folder)
        await _age(small_mill.database)
        assert (await _retain(small_mill, result_ttl_days=0)).results == 0
        again = await small_mill.run(folder)
    assert set((await small_mill.outcomes(again)).values()) == {"skipped"}
    assert (await _retain(small_mill)).results == 0


async def test_files_of_an_open_batch_are_not_purged(small_mill: Mill, tmp_path: Path) -> None:
    folder = write_texts(tmp_path / "in", 2)
    async with small_mill.worker():
        await small_mill.run(folder)
        await _age(small_mill.database)
        waiting = await small_mill.start(folder)
        await small_mill.service.pause(waiting)
        if (await small_mill.row(waiting)).status == "RUNNING":
            assert (await _retain(small_mill)).results == 0
        await small_mill.service.resume(waiting)
        await small_mill.client.result(waiting.id)
    await _age(small_mill.database)
    assert (await _retain(small_mill)).results == 2


@pytest.mark.parametrize("layout", ["flat", "folders"])
async def test_results_of_the_directory_of_an_open_batch_are_not_purged(
    database: Database, mill: Mill, layout: str
) -> None:
    directory = await scanned(database, 2)
    batch = await batch_over(database, directory)
    await page(database, batch)
    item = await claim(database, batch, 1)
    older = f"results/{PROJECT}/{item.job_id}/1/1"
    prefix = prefix_of(item) if layout == "flat" else older
    objects = [result_key(prefix, name) for name in (RESULT_FILE, "document.md", "page_1.png")]
    for key in objects:
        await mill.store.put_bytes(key, b'{"files": {"document.md": "", "page_1.png": ""}}')
    own = replace(new_result("s1"), object_prefix=prefix)
    assert await settle(database, item, replace(completed("s1"), result=own))
    await _age(database)
    await _move_creation(database, batch)
    assert (await _retain(mill)).results == 0
    async with database.write() as session:
        await session.execute(update(Batch).values(status="COMPLETED"))
    assert (await _retain(mill)).results == 1
    async with database.read() as session:
        with pytest.raises(PurgedError, match="purged on"):
            await Results(session).get(result_id_of(PROJECT, key_of("s1")))
    assert [await mill.store.size(key) for key in objects] == [None, None, None]


async def _move_creation(database: Database, batch: Batch) -> None:
    """Let the batch be older than its results, so that only its listing protects them."""
    earlier = LONG_AGO + timedelta(days=1)
    async with database.write() as session:
        await session.execute(update(Batch).where(Batch.id == batch.id).values(created_at=earlier))


async def test_result_purged_just_before_it_is_reused_is_recreated(
    database: Database, mill: Mill
) -> None:
    first = await batch_over(database, await scanned(database, 1))
    await page(database, first)
    await complete(database, first, 1, "s1")
    await _age(database)
    second = await batch_over(database, await scanned(database, 1, folder="/other"))
    await page(database, second)
    item = await claim(database, second, 1)
    async with database.write() as session:
        await session.execute(update(Result).values(purged_at=datetime.now(UTC)))
    shared = Settlement(
        outcome=Outcome.SKIPPED,
        sha256="s1",
        existing_result_id=result_id_of(PROJECT, key_of("s1")),
        skip_reason="already_processed",
    )
    assert not await settle(database, item, shared)
    assert await complete(database, second, 1, "s1")
    found = await result_of(database, "s1")
    assert found is not None
    assert found.purged_at is None
