"""Steps of an item: what is saved, and for which attempt."""

from docmill.contracts.items import PagesRead
from docmill.records.batches import Batches, FileInFlight
from docmill.records.database import Database
from docmill.records.steps import Steps
from tests.records.making import batch_over, claim, names, page, scanned

HALF = PagesRead(pages_done=8, pages_total=16)


async def test_slice_is_saved_only_for_the_attempt_that_holds_the_item(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    lost = await claim(database, batch, 1, "lost")
    item = await claim(database, batch, 1, "next")
    steps = Steps(database, f"{item.job_id}-1")

    assert await steps.put_if_held(
        item, "slices-1-text-0", "1-8", PagesRead(pages_done=8, pages_total=16)
    )
    assert not await steps.put_if_held(
        lost, "slices-1-ocr-0-0", "", PagesRead(pages_done=16, pages_total=16)
    )

    assert await steps.saved() == {"slices-1-text-0": "1-8"}
    async with database.read() as session:
        assert await Batches(session).in_flight(batch.id) == [FileInFlight(names(1)[0], 8, 16)]
