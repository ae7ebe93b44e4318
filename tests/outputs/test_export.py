"""Exports: complete files, once, in order, rewritten when removed; and failures."""

import asyncio
import json
import os
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from docmill.errors import NotFoundError, UnavailableError, UsageError
from docmill.objects.durable import sync_file_system
from docmill.objects.open import open_store
from docmill.outputs import destinations
from docmill.outputs.files import DamagedError, files_of_result
from docmill.outputs.verify import Problem, read_rows, verify
from docmill.records.ledger import Ledger
from tests.fixtures.ordinary_user import ordinary_user
from tests.outputs.shelf import Shelf

MIXED: list[tuple[str, str, dict[str, Any]]] = [
    ("a.pdf", "completed", {}),
    ("sub/b.pdf", "completed", {"partial": True}),
    ("c.pdf", "failed", {"failure_class": "encrypted", "failure_message": "locked"}),
    ("d.pdf", "skipped", {"skip_reason": "already_processed"}),
    ("e.pdf", "skipped", {"skip_reason": "size_limit_exceeded"}),
    ("f.pdf", "cancelled", {}),
]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    await shelf.database.close()


async def fill(shelf: Shelf) -> None:
    await shelf.open(len(MIXED))
    for position, (path, status, fields) in enumerate(MIXED, start=1):
        await shelf.put(position, path, status, **fields)
    await shelf.write()
    await shelf.end()


async def test_results_in_a_bucket_are_exported(shelf: Shelf, s3_url: str, tmp_path: Path) -> None:
    await fill(shelf)
    await finish(shelf)
    local = tree(shelf.out)
    await move_to_bucket(shelf, s3_url, tmp_path)
    shelf.out = tmp_path / "from the bucket"
    await finish(shelf)
    copied = tree(shelf.out)
    assert copied.keys() == local.keys()
    assert all(copied[name] == local[name] for name in local if name.endswith((".md", ".json")))


async def test_results_in_a_bucket_are_exported_when_the_loop_has_one_thread(
    shelf: Shelf, s3_url: str, tmp_path: Path
) -> None:
    await fill(shelf)
    await move_to_bucket(shelf, s3_url, tmp_path)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await finish(shelf)
    assert not verify(shelf.out)


async def move_to_bucket(shelf: Shelf, url: str, folder: Path) -> None:
    """Make a bucket the object store, with the objects that are in ``folder``."""
    bucket = open_store(url)
    for path in (folder / "objects").rglob("*.*"):
        if path.is_file():
            key = path.relative_to(folder / "objects").as_posix()
            await bucket.put_bytes(key, path.read_bytes())
    shelf.store = bucket


async def finish(shelf: Shelf) -> None:
    with shelf.exporter() as exporter:
        await exporter.finish()


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.pdf.*")}


async def test_files_of_an_export_are_synced_once_and_before_its_manifest(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(shelf)
    fsync, steps = os.fsync, list[str]()

    def note_fsync(descriptor: int) -> None:
        steps.append("one file")
        fsync(descriptor)

    def note_all(folder: Path) -> None:
        steps.append("all files" if not (shelf.out / "manifest.jsonl").exists() else "too late")
        sync_file_system(folder)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(destinations, "sync_file_system", note_all)
    with shelf.exporter() as exporter:
        assert await exporter.export_ready() == len(MIXED)
        assert steps == []
        await exporter.finish()
    assert steps[0] == "all files"
    assert steps.count("all files") == 1
    assert not await asyncio.to_thread(verify, shelf.out)


async def test_finished_batch_is_exported_completely_and_verifies(shelf: Shelf) -> None:
    await fill(shelf)
    with shelf.exporter() as exporter:
        summary = await exporter.finish(vanished=("gone.pdf",), vanished_count=1)
    assert sorted(tree(shelf.out)) == [
        "a.pdf.json",
        "a.pdf.md",
        "d.pdf.json",
        "d.pdf.md",
        "manifest.jsonl",
        "manifest.parquet",
        "manifest.sha256",
        "manifests/_index.jsonl",
        f"manifests/batch_id={shelf.batch.id}/manifest.parquet",
        "report.html",
        "sub/b.pdf.json",
        "sub/b.pdf.md",
    ]
    stored = await shelf.store.get_bytes(f"{shelf.prefix(2)}/result.json")
    assert (shelf.out / "sub/b.pdf.json").read_bytes() == stored
    assert summary.rows == 6
    assert summary.counts == {"completed": 2, "failed": 1, "skipped": 2, "cancelled": 1}
    rows = list(read_rows(shelf.out / "manifest.jsonl"))
    assert [row.path for row in rows] == [path for path, _, _ in MIXED]
    assert [row.output_path for row in rows if row.output_path] == [
        "a.pdf.json",
        "sub/b.pdf.json",
        "d.pdf.json",
    ]
    assert "gone.pdf" in (shelf.out / "report.html").read_text()
    assert verify(shelf.out) == []


async def test_second_export_touches_no_file(shelf: Shelf) -> None:
    await fill(shelf)
    await finish(shelf)
    before, written = tree(shelf.out), times(shelf.out)
    await finish(shelf)
    assert tree(shelf.out) == before
    assert times(shelf.out) == written


async def test_emptied_or_changed_folder_is_rewritten(shelf: Shelf) -> None:
    await fill(shelf)
    await finish(shelf)
    before = tree(shelf.out)
    (shelf.out / "a.pdf.json").unlink()
    (shelf.out / "d.pdf.md").write_text("edited")
    (shelf.out / "sub/b.pdf.json").write_text("{}")
    await finish(shelf)
    assert tree(shelf.out) == before


async def test_editing_an_output_does_not_change_the_store(shelf: Shelf) -> None:
    await fill(shelf)
    await finish(shelf)
    with (shelf.out / "a.pdf.md").open("a") as file:
        file.write("my notes")
    assert await shelf.store.get_bytes(f"{shelf.prefix(1)}/document.md") == b"# a.pdf\n"


async def test_files_are_exported_in_any_order_while_the_batch_runs(shelf: Shelf) -> None:
    await shelf.open(4)
    for position, status in enumerate(("completed", "processing", "completed", "pending"), start=1):
        await shelf.put(position, f"{position}.pdf", status)
    await shelf.write()
    with shelf.exporter() as exporter:
        assert await exporter.export_ready() == 2
        assert (shelf.out / "3.pdf.json").exists()
        assert await exporter.export_ready() == 0
        await shelf.settle(2, "2.pdf")
        assert await exporter.export_ready() == 1
        await shelf.settle(4, "4.pdf")
        await shelf.end()
        await exporter.finish()
    assert verify(shelf.out) == []
    assert len(list(shelf.out.glob("*.json"))) == 4


async def test_more_files_than_the_window_are_exported_in_one_call(shelf: Shelf) -> None:
    await shelf.open(2100)
    for position in range(1, 2101):
        await shelf.put(position, f"{position}.pdf", "failed", failure_class="empty")
    await shelf.write()
    await shelf.end()
    with shelf.exporter() as exporter:
        assert await exporter.export_ready() == 2100
        assert (await exporter.finish()).rows == 2100


async def test_manifest_has_the_outcomes_of_a_redrive_that_began_during_the_export(
    shelf: Shelf,
) -> None:
    await shelf.open(2)
    await shelf.put(1, "1.pdf", "failed", failure_class="timeout")
    await shelf.put(2, "2.pdf")
    await shelf.write()
    with shelf.exporter() as exporter:
        assert await exporter.export_ready() == 2
        await shelf.redrive()
        await shelf.settle(1, "1.pdf")
        await shelf.end()
        summary = await exporter.finish()
    assert summary.counts == {"completed": 2}
    assert verify(shelf.out) == []


async def test_interrupted_export_lists_every_file_once(shelf: Shelf) -> None:
    await shelf.open(2100)
    for position in range(1, 2101):
        await shelf.put(position, f"{position}.pdf", "failed", failure_class="empty")
    await shelf.write()
    await shelf.end()
    with shelf.exporter() as exporter:
        export = asyncio.create_task(exporter.export_ready())
        while not list(shelf.out.glob(".docmill-tmp-*/*")):
            await asyncio.sleep(0)
        export.cancel()
        await asyncio.wait([export])
        assert export.cancelled()
        await exporter.finish()
    positions = [row.path for row in read_rows(shelf.out / "manifest.jsonl")]
    assert positions == [f"{position}.pdf" for position in range(1, 2101)]


async def test_folder_emptied_during_the_export_gets_a_whole_manifest(shelf: Shelf) -> None:
    await fill(shelf)
    with shelf.exporter() as exporter:
        await exporter.export_ready()
        shutil.rmtree(shelf.out)
        assert (await exporter.finish()).rows == len(MIXED)
    assert len(list(read_rows(shelf.out / "manifest.jsonl"))) == len(MIXED)


async def test_reads_of_different_sizes_share_few_statements(shelf: Shelf) -> None:
    await shelf.open(40)
    for position in range(1, 41):
        await shelf.put(position, f"{position}.pdf", "failed", failure_class="empty")
    await shelf.write()
    texts: set[str] = set()

    def note(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if "batch_items" in text:
            texts.add(text)

    for engine in shelf.database.engines:
        event.listen(engine, "before_cursor_execute", note)
    for count in range(1, 41):
        wanted = list(range(1, count + 1))
        async with shelf.database.read() as session:
            rows = await Ledger(session).items(shelf.batch, positions=wanted, limit=100)
        assert [row.position for row in rows] == wanted
    assert len(texts) == 7  # of 1, 2, 4 … 64 positions


async def test_failed_batch_exports_its_completed_files(shelf: Shelf) -> None:
    await shelf.open(3)
    await shelf.put(1, "1.pdf", "pending")
    await shelf.put(2, "2.pdf")
    await shelf.write()
    await shelf.end("FAILED")
    with shelf.exporter() as exporter:
        await exporter.export_ready()
        summary = await exporter.finish()
    assert summary.counts == {"pending": 1, "completed": 1}
    assert verify(shelf.out) == []


@pytest.mark.parametrize("harm", ["lost", "damaged"])
async def test_missing_result_is_named_and_the_others_are_written(shelf: Shelf, harm: str) -> None:
    await fill(shelf)
    key = f"{shelf.prefix(1)}/document.md"
    if harm == "lost":
        await shelf.store.delete(key)
    else:
        await shelf.store.put_bytes(key, b"other")
    with pytest.raises(NotFoundError, match=r"a\.pdf") as failed:
        await finish(shelf)
    assert failed.value.hint
    assert (shelf.out / "d.pdf.md").exists()
    assert not (shelf.out / "a.pdf.json").exists()
    assert verify(shelf.out) == [
        Problem("a.pdf.json", "is missing"),
        Problem("a.pdf.md", "is missing"),
    ]


async def test_hostile_path_stays_in_the_folder(shelf: Shelf, tmp_path: Path) -> None:
    await shelf.open(2)
    await shelf.put(1, "../../escape.pdf")
    await shelf.put(2, "/etc/passwd")
    await shelf.write()
    await shelf.end()
    await finish(shelf)
    assert not list(tmp_path.glob("escape*"))
    assert len([name for name in tree(shelf.out) if name.endswith(".md")]) == 2
    assert verify(shelf.out) == []


async def test_unwritable_folder_is_rejected_with_a_message() -> None:
    with ordinary_user() as folder:
        shelf = Shelf(folder)
        await fill(shelf)
        shelf.out.mkdir(mode=0o500)
        with pytest.raises(UsageError, match="Permission denied") as refused:
            await finish(shelf)
        await shelf.database.close()
    assert "--out" in refused.value.hint


async def test_export_to_a_full_disk_fails_cleanly_and_resumes(
    shelf: Shelf,
) -> None:
    await fill(shelf)
    with shelf.exporter() as exporter:
        with no_room(), pytest.raises(UnavailableError, match="Cannot write") as unavailable:
            await exporter.export_ready()
        assert "again" in unavailable.value.hint
        assert not tree(shelf.out)
        await exporter.finish()
    assert verify(shelf.out) == []


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow beyond a few bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_images_are_exported_and_repaired_with_their_result(shelf: Shelf) -> None:
    shelf.illustrated = frozenset({"sub/a.pdf"})
    await shelf.open(1)
    await shelf.put(1, "sub/a.pdf")
    await shelf.write()
    await shelf.end()
    image = shelf.out / "sub/a.pdf.files/img_p1_1.png"

    for harm in (None, b"changed"):
        if harm is not None:
            image.write_bytes(harm)
        await finish(shelf)
        assert image.read_bytes() == b"sub/a.pdf"
        assert verify(shelf.out) == []


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", ".hidden", "a/b", ""])
def test_result_that_names_a_file_outside_its_folder_is_rejected(tmp_path: Path, name: str) -> None:
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"files": {name: "0" * 64}}))

    with pytest.raises(DamagedError, match="names invalid files"):
        files_of_result(result)
