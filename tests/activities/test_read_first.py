"""Items are read before they are claimed: two transactions an item, and counted worker losses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from temporalio.testing import ActivityEnvironment

from activities import items
from activities.items import ItemActivities
from activities.resources import Resources
from docmill.contracts.batches import BatchSpec
from docmill.contracts.items import ItemTask
from docmill.objects.staging import Staging
from docmill.processing import documents
from tests.fixtures.mill import Mill, write_texts
from tests.records.making import claim, page


async def test_item_takes_two_writing_transactions_when_nothing_fails(
    small_mill: Mill, tmp_path: Path
) -> None:
    writing: set[int] = set()
    written: list[int] = []

    def note_write(connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            writing.add(id(connection))

    def note(connection: object) -> None:
        if id(connection) in writing:  # one without a write is of a poll
            writing.remove(id(connection))
            written.append(id(connection))

    event.listen(Engine, "before_cursor_execute", note_write)
    transactions = []
    async with small_mill.worker():
        for count in (2, 12):
            folder = write_texts(tmp_path / str(count), count)
            spec = BatchSpec(folder=str(folder), concurrency=1)  # else items share transactions
            batch, _ = await small_mill.service.create(spec)
            written.clear()
            event.listen(Engine, "commit", note)
            await small_mill.service.start(batch)
            await small_mill.client.result(batch.id)
            event.remove(Engine, "commit", note)
            transactions.append(len(written))
    event.remove(Engine, "before_cursor_execute", note_write)
    assert transactions[1] - transactions[0] == 10 * 2


class Killed(BaseException):
    """The process ends here."""


def _die(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("attempt", "left"), [(1, ("pending", 0)), (2, ("processing", 1))], ids=["first", "second"]
)
async def test_worker_loss_is_counted_from_the_second_death_over_a_file(
    small_mill: Mill,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attempt: int,
    left: tuple[str, int],
) -> None:
    folder = write_texts(tmp_path / "in", 1)
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    await page(small_mill.database, batch)
    scratch = Staging.below(small_mill.settings.scratch)
    engines: Any = None  # it dies before one is needed
    mill = small_mill
    dying = ItemActivities(Resources(mill.database, mill.store, engines, scratch, mill.settings))
    monkeypatch.setattr(documents, "open_local", _die)
    monkeypatch.setattr(items, "open_document", _die)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    task = ItemTask(batch_id=batch.id, epoch=1, position=1)
    with pytest.raises(Killed):
        await environment.run(dying.process_item, task)

    (item,) = await small_mill.items(batch)
    again = await claim(small_mill.database, batch, 1, "another")
    assert (item.status, again.worker_losses) == left
