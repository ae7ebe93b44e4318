"""Warnings in the records: stored once, counted by file, shared with the result."""

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from docmill.contracts.warnings import WarningCode, WarningKind, warning
from docmill.contracts.words import Outcome
from docmill.records.database import Database
from docmill.records.items import Settlement
from docmill.records.ledger import Ledger
from docmill.records.tables.batches import Batch, BatchWarningCount, Result
from docmill.records.warning_counts import BatchWarnings, warnings_of
from tests.records.making import batch_over, claim, completed, page, scanned, settle

NO_TEXT = warning(WarningCode.NO_TEXT, "The document has no text.").model_dump(mode="json")
PAGE = warning(WarningCode.PAGE_WITHOUT_TEXT, "No text on page 2.", 2).model_dump(mode="json")
GUESS = warning(WarningCode.CHARSET_GUESSED, "Read as cp1252.").model_dump(mode="json")
NOTE = warning(WarningCode.OCR_ADDED, "Recognised: page 1.", 1).model_dump(mode="json")


async def _complete(database: Database, batch: Batch, position: int, *warnings: Any) -> None:
    settlement = completed(f"s{position}")
    assert settlement.result is not None
    result = replace(settlement.result, warnings=list(warnings) or None)
    item = await claim(database, batch, position)
    assert await settle(database, item, replace(settlement, result=result))


async def _counted(database: Database, batch: Batch) -> BatchWarnings:
    async with database.read() as session:
        return await warnings_of(session, batch)


async def test_files_are_counted_by_code_and_once_by_their_most_severe_kind(
    database: Database,
) -> None:
    batch = await batch_over(database, await scanned(database, 40))
    await page(database, batch)
    await _complete(database, batch, 1)
    await _complete(database, batch, 2, PAGE, PAGE, GUESS)
    await _complete(database, batch, 18, GUESS, NOTE)  # of the same shard as 2
    await _complete(database, batch, 5, NOTE)
    await _complete(database, batch, 4, PAGE)

    counted = await _counted(database, batch)

    assert [(one.code, one.files, one.first_position) for one in counted.by_code] == [
        ("charset_guessed", 2, 2),
        ("ocr_added", 2, 5),
        ("page_without_text", 2, 2),
    ]
    assert counted.by_kind == {WarningKind.LOSS: 2, WarningKind.DOUBT: 1, WarningKind.NOTE: 1}
    assert counted.files == 3


async def test_file_without_warnings_writes_no_warning_counts(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    await _complete(database, batch, 1)

    async with database.read() as session:
        rows = await session.scalar(select(func.count()).select_from(BatchWarningCount))
        stored = await session.scalar(select(func.count()).where(Result.warnings.is_not(None)))
    assert (rows, stored) == (0, 0)


async def test_items_that_share_a_result_share_its_warnings(database: Database) -> None:
    directory = await scanned(database, 2)
    first = await batch_over(database, directory)
    await page(database, first)
    await _complete(database, first, 1, NO_TEXT)
    async with database.read() as session:
        result_id = (await Ledger(session).walk(first, 0, 1))[0].result_id

    # The hash of the first file is known now, so that the page itself settles it.
    second = await batch_over(database, directory)
    settled = (await page(database, second)).settled
    item = await claim(database, second, 2)
    skipped = Settlement(Outcome.SKIPPED, existing_result_id=result_id, warnings=[GUESS])
    assert await settle(database, item, skipped)

    async with database.read() as session:
        rows = await Ledger(session).walk(second, 0, 10)
    assert settled.skipped == 1
    assert [[one.code for one in row.warnings] for row in rows] == [
        ["no_text"],
        ["charset_guessed", "no_text"],
    ]
    counted = await _counted(database, second)
    assert counted.counts == {"no_text": 2, "charset_guessed": 1}
    assert counted.by_kind[WarningKind.LOSS] == 2


async def test_warning_about_a_name_belongs_to_the_item_and_not_to_the_result(
    database: Database,
) -> None:
    directory = await scanned(database, 1)
    first = await batch_over(database, directory)
    await page(database, first)
    settlement = completed("s1")
    assert settlement.result is not None
    picture = replace(settlement.result, media_type="image/png")
    item = await claim(database, first, 1)
    assert await settle(database, replace(item, path="a.pdf"), replace(settlement, result=picture))

    second = await batch_over(database, directory)
    await page(database, second)  # settles the file: its own name says PDF
    other = await batch_over(database, directory, parameters={"disable_cache": True})
    await page(database, other)
    skipped = Settlement(Outcome.SKIPPED, existing_result_id=await _result_id(database, first))
    item = await claim(database, other, 1)
    assert await settle(database, replace(item, path="a.png"), skipped)

    async with database.read() as session:
        stored = await session.scalar(select(func.count()).where(Result.warnings.is_not(None)))
        rows = [(await Ledger(session).walk(one, 0, 1))[0] for one in (first, second, other)]
    assert stored == 0
    codes = [[one.code for one in row.warnings] for row in rows]
    assert codes == [["type_unlike_name"], ["type_unlike_name"], []]
    for batch, counts in ((first, {"type_unlike_name": 1}), (other, {})):
        assert (await _counted(database, batch)).counts == counts


async def _result_id(database: Database, batch: Batch) -> str | None:
    async with database.read() as session:
        return (await Ledger(session).walk(batch, 0, 1))[0].result_id


async def test_late_outcome_counts_no_warning(database: Database) -> None:
    batch = await batch_over(database, await scanned(database, 1))
    await page(database, batch)
    late = await claim(database, batch, 1)
    await _complete(database, batch, 1, PAGE)
    settlement = completed("s")
    assert settlement.result is not None

    again = replace(settlement, result=replace(settlement.result, warnings=[NO_TEXT]))
    assert not await settle(database, late, again)

    assert (await _counted(database, batch)).counts == {"page_without_text": 1}
