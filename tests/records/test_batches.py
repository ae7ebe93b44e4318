"""Batches: created once, changed by compare-and-set, paged by key."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from docmill.contracts.words import BatchStatus, Tally
from docmill.errors import NotFoundError, UsageError
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.tables.batches import Batch
from docmill.records.tables.sources import Project
from tests.records.making import PROJECT, batch_over, batch_row, scanned

START = datetime(2026, 1, 1, tzinfo=UTC)


async def _create(database: Database, batch: Batch) -> tuple[Batch, bool]:
    async with database.write() as session:
        return await Batches(session).create(batch)


async def _get(database: Database, batch_id: str) -> Batch:
    async with database.read() as session:
        return await Batches(session).get(PROJECT, batch_id)


async def _series(database: Database, count: int, **fields: Any) -> list[str]:
    """Ids of batches, the newest first; pairs of them were created at the same instant."""
    made = []
    for number in range(count):
        created_at = START + timedelta(hours=number // 2)
        batch = batch_row(id=f"bat-{number:04}", created_at=created_at, **fields)
        made.append((await _create(database, batch))[0].id)
    return made[::-1]


async def test_racing_creates_with_one_identity_create_one_batch(database: Database) -> None:
    rows = [batch_row(identity="same", name=str(number)) for number in range(6)]

    made = await asyncio.gather(*(_create(database, row) for row in rows))

    assert sum(is_new for _, is_new in made) == 1
    assert len({batch.id for batch, _ in made}) == 1


async def test_repeated_create_with_the_same_id_returns_the_first_batch(database: Database) -> None:
    first, _ = await _create(database, batch_row(id="bat-1", name="first"))
    again, is_new = await _create(database, batch_row(id="bat-1", name="second"))
    assert (again.id, again.name, is_new) == (first.id, "first", False)


async def test_batch_without_files_is_rejected(database: Database) -> None:
    with pytest.raises(NotFoundError, match="directory of the batch"):
        await _create(database, batch_row(directory_id="dir-none"))


async def test_batches_without_identity_never_conflict(database: Database) -> None:
    made = [await _create(database, batch_row()) for _ in range(3)]
    assert all(is_new for _, is_new in made)


async def test_follow_up_batch_has_the_next_number_of_its_identity(database: Database) -> None:
    for number in range(3):
        await _create(database, batch_row(identity="x", identity_number=number, name=str(number)))
    async with database.read() as session:
        latest = await Batches(session).latest_of_identity(PROJECT, "x")
        assert latest is not None
        assert latest.name == "2"
        assert await Batches(session).latest_of_identity(PROJECT, "y") is None


async def test_batch_is_not_found_in_another_project(database: Database) -> None:
    batch, _ = await _create(database, batch_row())
    async with database.read() as session:
        assert (await Batches(session).get(None, batch.id)).id == batch.id
        with pytest.raises(NotFoundError):
            await Batches(session).get("prj-other", batch.id)


async def test_batch_status_moves_only_from_the_expected_states(database: Database) -> None:
    batch, _ = await _create(database, batch_row())
    async with database.write() as session:
        batches = Batches(session)
        assert not await batches.move(
            batch.id, BatchStatus.COMPLETED, from_={BatchStatus.RUNNING}, ended_at=START
        )
        assert await batches.move(
            batch.id,
            BatchStatus.RUNNING,
            from_=(BatchStatus.PENDING, BatchStatus.THROTTLED),
            started_at=START,
        )
    moved = await _get(database, batch.id)
    assert (moved.status, moved.started_at, moved.ended_at) == ("RUNNING", START, None)


async def test_racing_status_changes_have_one_winner(database: Database) -> None:
    batch, _ = await _create(database, batch_row())

    async def move(to: BatchStatus) -> bool:
        async with database.write() as session:
            return await Batches(session).move(batch.id, to, from_={BatchStatus.PENDING})

    ends = [BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED]
    won = await asyncio.gather(*map(move, ends))

    assert sum(won) == 1
    assert (await _get(database, batch.id)).status == ends[won.index(True)]


async def test_batch_state_is_visible_in_the_same_transaction(database: Database) -> None:
    batch, _ = await _create(database, batch_row())
    async with database.write() as session:
        await Batches(session).set_state(batch.id, paused=True, concurrency=3)
        seen = await Batches(session).get(None, batch.id)
        assert (seen.paused, seen.concurrency) == (True, 3)
        with pytest.raises(NotFoundError):
            await Batches(session).set_state("bat-none", paused=True)
    assert (await _get(database, batch.id)).updated_at >= batch.created_at


async def test_every_batch_is_on_exactly_one_page_newest_first(database: Database) -> None:
    made = await _series(database, 11)
    found: list[str] = []
    cursor: str | None = None
    async with database.read() as session:
        while True:
            got = await Batches(session).list(PROJECT, limit=3, cursor=cursor)
            found += [batch.id for batch in got.items]
            cursor = got.next
            if cursor is None:
                break
    assert found == made


async def test_last_page_has_no_token_when_it_is_full(database: Database) -> None:
    await _series(database, 4)
    async with database.read() as session:
        first = await Batches(session).list(PROJECT, limit=2)
        last = await Batches(session).list(PROJECT, limit=2, cursor=first.next)
    assert (len(last.items), last.next) == (2, None)


async def test_new_batches_do_not_shift_the_pages_of_a_list(
    database: Database,
) -> None:
    made = await _series(database, 4)
    async with database.read() as session:
        first = await Batches(session).list(PROJECT, limit=2)
    await _create(database, batch_row())
    async with database.read() as session:
        second = await Batches(session).list(PROJECT, limit=2, cursor=first.next)
    assert [batch.id for batch in [*first.items, *second.items]] == made


@pytest.mark.parametrize("token", ["x", "WzFd", "Zm9v", "é", "W10=", "WyJub3ciLCAiYSJd"])
async def test_foreign_page_token_is_rejected(database: Database, token: str) -> None:
    async with database.read() as session:
        with pytest.raises(UsageError, match="page token"):
            await Batches(session).list(PROJECT, cursor=token)


async def test_lists_are_filtered(database: Database) -> None:
    directory = await scanned(database, 1)
    made = await _series(database, 4)
    inside = await batch_over(database, directory, api="v1", created_at=START + timedelta(days=9))
    async with database.write() as session:
        await Batches(session).set_state(made[0], status="RUNNING")
        session.add(Project(id="prj-other", name="Other", organization_id="org"))
    await _create(database, batch_row(project_id="prj-other"))
    async with database.read() as session:
        batches = Batches(session)

        async def ids(**filters: Any) -> set[str]:
            found = {batch.id for batch in (await batches.list(PROJECT, **filters)).items}
            assert len(found) == await batches.count(PROJECT, **filters)
            return found

        assert await ids() == {*made, inside.id}
        assert await ids(status="RUNNING") == {made[0]}
        assert await ids(status=[BatchStatus.RUNNING, BatchStatus.PENDING]) == {*made, inside.id}
        assert await ids(directory_id=directory.id) == {inside.id}
        assert await ids(api="v1", job_type="parse") == {inside.id}
        assert await ids(created_from=START + timedelta(hours=1)) == {*made[:2], inside.id}
        assert await ids(created_to=START) == set(made[2:])
        offset = await batches.list_from(PROJECT, offset=2, limit=2)
        assert [batch.id for batch in offset] == made[1:3]
        assert len((await batches.list(None, limit=100)).items) == 6


async def test_unknown_items_are_reported(database: Database) -> None:
    unknown = [f"dfl-{number}" for number in range(8)]
    with pytest.raises(NotFoundError, match=r"dfl-0, dfl-1, .* and 3 more"):
        async with database.read() as session:
            await Batches(session).entry_versions(PROJECT, unknown)


async def test_counts_of_a_batch_without_outcomes_are_zeros(database: Database) -> None:
    async with database.read() as session:
        counts = await Batches(session).counts(["bat-a", "bat-b"])
    assert counts == {"bat-a": Tally(), "bat-b": Tally()}
