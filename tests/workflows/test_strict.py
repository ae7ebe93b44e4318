"""Strict batches: one result can be complete for one batch and incomplete for another."""

from pathlib import Path

from docmill.contracts.batches import BatchSpec, RedriveRequest
from docmill.records.items import ItemRow
from docmill.records.tables.batches import Batch
from docmill.records.warning_counts import warnings_of
from tests.fixtures.mill import Mill


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "empty.html").write_text("<html><body></body></html>")
    (folder / "full.html").write_text("<html><body><p>All of the text.</p></body></html>")
    return folder


async def _row(mill: Mill, batch: Batch, path: str) -> ItemRow:
    return next(item for item in await mill.items(batch) if item.path == path)


async def test_strict_batch_fails_incomplete_files_and_stores_their_results_for_reuse(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = _folder(tmp_path)
    async with small_mill.worker():
        strict = await small_mill.run(folder, strict=("loss",))
        again = await small_mill.run(folder, strict=("no_text",))
        other = await small_mill.run(folder, strict=("charset_guessed",))
        plain = await small_mill.run(folder)

    for batch in (strict, again):
        row = await _row(small_mill, batch, "empty.html")
        assert (row.status, row.failure_class) == ("failed", "incomplete")
        assert row.failure_message == "The result has warnings: no_text."
        assert [one.code for one in row.warnings] == ["no_text"]
        assert row.object_prefix is None
        assert (row.engine, row.pages_total) == ("xberg", 1)
        assert strict.status == "COMPLETED"
        async with small_mill.database.read() as session:
            assert (await warnings_of(session, batch)).files == 0
    assert (await _row(small_mill, strict, "full.html")).status == "completed"
    assert (await _row(small_mill, again, "full.html")).status == "skipped"
    for batch in (other, plain):
        row = await _row(small_mill, batch, "empty.html")
        assert (row.status, row.skip_reason) == ("skipped", "already_processed")
        assert row.object_prefix is not None


async def test_redrive_reuses_the_stored_result_when_it_is_not_strict(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = _folder(tmp_path)
    async with small_mill.worker():
        batch = await small_mill.run(folder, strict=("loss",))
        request = RedriveRequest(only="incomplete", strict=("none",))
        redriven = await small_mill.service.redrive(batch, request)
        await small_mill.service.start(redriven)
        await small_mill.client.result(batch.id)

    row = await _row(small_mill, batch, "empty.html")
    assert (row.status, row.skip_reason) == ("skipped", "already_processed")
    assert [one.code for one in row.warnings] == ["no_text"]
    assert (await small_mill.row(batch)).strict is None


async def test_strict_setting_applies_unless_a_batch_overrides_it(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = _folder(tmp_path)
    small_mill.service._settings = small_mill.settings.model_copy(update={"strict": ("no_text",)})

    by_default, _ = await small_mill.service.create(BatchSpec(folder=str(folder)))
    lenient, _ = await small_mill.service.create(BatchSpec(folder=str(folder), strict=("none",)))

    assert by_default.strict == ["no_text"]
    assert lenient.strict is None
