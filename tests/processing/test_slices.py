"""A large document is read in slices: no stored slice is repeated, and none is left over."""

import signal
from functools import partial
from pathlib import Path

from sqlalchemy import select

from docmill.batches.close import close_batch
from docmill.contracts.batches import BatchSpec, CloseRequest
from docmill.contracts.items import PagesRead
from docmill.contracts.words import BatchStatus
from docmill.engines.base import ParseResult
from docmill.objects.results import RESULT_FILE, result_key, slices_prefix
from docmill.processing.slices import Plan, run_of
from docmill.records.batches import Batches
from docmill.records.steps import Steps
from docmill.records.tables.batches import Batch, ItemStep
from docmill.upkeep.leftovers import Leftovers
from tests.engines.drawn import scanned
from tests.fixtures.engines import Bench
from tests.fixtures.mill import Mill, until, write_command
from tests.fixtures.worker_process import faulty_worker_process
from tests.records.making import claim, page

PAGES = 40
OCR_BOOK = [f"The amber crate holds {n} lanterns" for n in range(20)]
OTHER_SLICES = ["ocr-0-0", "ocr-0-1", "ocr-0-2", "ocr-0-4", "text-0"]
HELD = "recognised 25-32"


def _book(folder: Path, record: Path, **faults: object) -> Path:
    return write_command(folder, "book.txt", do="book", pages=PAGES, record=str(record), **faults)


def _stored(mill: Mill) -> list[str]:
    """The slices in the store, by name."""
    files = (mill.settings.home / "objects").rglob("*slices-*.json")
    return sorted(path.stem.split("-", 4)[-1] for path in files)


async def _others_are_noted(mill: Mill) -> bool:
    """Whether all slices but the held one are stored, and will not be read again."""
    async with mill.database.read() as session:
        names = await session.scalars(select(ItemStep.name))
    return sorted(name.split("-", 2)[-1] for name in names if name.count("-") > 1) == OTHER_SLICES


async def _nothing_is_left(mill: Mill) -> bool:
    return not _stored(mill)


async def _result(mill: Mill, batch: Batch) -> ParseResult:
    (item,) = await mill.items(batch)
    data = await mill.store.get_bytes(result_key(item.object_prefix or "", RESULT_FILE))
    return ParseResult.model_validate_json(data)


def _twice(record: Path) -> set[str]:
    runs = record.read_text().splitlines()
    return {run for run in runs if runs.count(run) > 1}


async def test_killed_worker_repeats_no_stored_slice(small_mill: Mill, tmp_path: Path) -> None:
    record, gate = tmp_path / "record", tmp_path / "gate"
    folder = _book(tmp_path / "in", record, hold={"page": 30, "file": str(gate)})
    batch = await small_mill.start(folder)
    async with faulty_worker_process(small_mill) as process:
        await until(partial(_others_are_noted, small_mill))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    gate.touch()
    async with faulty_worker_process(small_mill):
        await small_mill.client.result(batch.id)
    texts = [page.text for page in (await _result(small_mill, batch)).pages]
    assert texts == [f"Page {n + 1} was recognised." for n in range(PAGES)]
    assert _twice(record) == {HELD}
    assert not _stored(small_mill)


async def test_scanned_book_has_the_same_pages_with_and_without_slices(
    small_mill: Mill, engines: Bench, tmp_path: Path
) -> None:
    whole = await engines.parse_bytes("book.pdf", scanned(OCR_BOOK))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "book.pdf").write_bytes(scanned(OCR_BOOK))
    limits = {"engine_timeout_seconds": 2, "engine_timeout_ocr_page_seconds": 20}
    small_mill.settings = small_mill.settings.model_copy(update=limits)
    async with small_mill.worker():
        batch = await small_mill.run(tmp_path / "in")
    sliced = await _result(small_mill, batch)
    assert [page.text.split()[-2:] for page in sliced.pages][19] == ["19", "lanterns"]
    assert sliced.pages == whole.result.pages
    assert sliced.warnings == whole.result.warnings
    assert sliced.inventory == whole.result.inventory
    assert not _stored(small_mill)


async def test_crash_repeats_only_its_slice(small_mill: Mill, tmp_path: Path) -> None:
    record, counter = tmp_path / "record", tmp_path / "counter"
    crash = {"page": 12, "times": 2, "counter": str(counter)}
    folder = _book(tmp_path / "in", record, crash=crash)
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.attempts) == ("completed", 3)
    assert _twice(record) == {"recognised 9-16"}
    assert not _stored(small_mill)


async def test_slice_that_always_crashes_fails_the_document_and_leaves_nothing(
    small_mill: Mill, tmp_path: Path
) -> None:
    record, counter = tmp_path / "record", tmp_path / "counter"
    crash = {"page": 12, "times": 9, "counter": str(counter)}
    folder = _book(tmp_path / "in", record, crash=crash)
    async with small_mill.faulty_worker():
        batch = await small_mill.run(folder)
    (item,) = await small_mill.items(batch)
    assert (item.status, item.failure_class) == ("failed", "crashed")
    assert not _stored(small_mill)


async def test_cancel_during_a_large_document_leaves_nothing(
    small_mill: Mill, tmp_path: Path
) -> None:
    hold = {"page": 30, "file": str(tmp_path / "never")}
    folder = _book(tmp_path / "in", tmp_path / "record", hold=hold)
    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder)
        await until(partial(_others_are_noted, small_mill))
        await small_mill.service.cancel(batch, "enough")
        result = await small_mill.client.result(batch.id)
        await until(partial(_nothing_is_left, small_mill))
    assert result.tally.cancelled == 1


async def test_slices_of_a_lost_worker_are_removed_when_its_batch_is_cancelled(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = _book(tmp_path / "in", tmp_path / "record")
    batch, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    await page(small_mill.database, batch)
    item = await claim(small_mill.database, batch, 1)
    steps = Steps(small_mill.database, run_of(item))
    plan = Plan("slices-0", slices_prefix(item.project_id, batch.id, 1, 1, "0"), [1, 2])
    await steps.put(plan.step, {"prefix": plan.prefix, "asked": "1-2"})
    await small_mill.store.put_bytes(plan.key("text-0"), b"{}")
    leftovers = Leftovers(small_mill.database, small_mill.store, {})
    await leftovers.sweep()
    assert _stored(small_mill) == ["text-0"]
    cancelled = CloseRequest(batch_id=batch.id, epoch=batch.epoch, ending=BatchStatus.CANCELLED)
    await close_batch(small_mill.database, small_mill.store, small_mill.settings.scratch, cancelled)
    await leftovers.sweep()
    assert not _stored(small_mill)
    assert await steps.saved() == {}


async def test_heartbeats_and_ledger_report_the_pages_read(
    small_mill: Mill, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    hold = {"page": 30, "file": str(gate)}
    folder = _book(tmp_path / "in", tmp_path / "record", hold=hold)

    async def told() -> bool:
        return await _told(small_mill, batch) == PagesRead(pages_done=32, pages_total=40)

    async with small_mill.faulty_worker():
        batch = await small_mill.start(folder)
        await until(told)
        async with small_mill.database.read() as session:
            (file,) = await Batches(session).in_flight(batch.id)
        assert str(file) == "book.txt (32 of 40 pages)"
        gate.touch()
        await small_mill.client.result(batch.id)


async def _told(mill: Mill, batch: Batch) -> PagesRead | None:
    """The last heartbeat of the batch's item."""
    handle = mill.temporal.get_workflow_handle(batch.id)
    (activity,) = (await handle.describe()).raw_description.pending_activities or [None]
    if activity is None or not activity.heartbeat_details.payloads:
        return None
    converter = mill.temporal.data_converter
    (told,) = await converter.decode(activity.heartbeat_details.payloads, [PagesRead])
    return PagesRead.model_validate(told)
