"""Every listed file has one outcome at any size of pages and runs."""

from pathlib import Path

import pytest

from tests.fixtures.mill import Mill, write_texts


@pytest.mark.parametrize(
    ("files", "page_size", "threshold"),
    [(0, 5, 5), (1, 5, 5), (5, 5, 5), (6, 5, 5), (23, 5, 7), (23, 10, 100), (7, 1, 1)],
)
async def test_every_listed_file_is_completed_once(
    mill: Mill, tmp_path: Path, files: int, page_size: int, threshold: int
) -> None:
    folder = write_texts(tmp_path / "in", files)
    async with mill.worker():
        batch = await mill.run(folder, page_size=page_size, continue_as_new_threshold=threshold)
    assert batch.status == "COMPLETED"
    assert batch.total == files
    items = await mill.items(batch)
    assert [item.status for item in items] == ["completed"] * files
    assert [item.attempts for item in items] == [1] * files


async def test_run_processes_no_more_files_than_its_threshold(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 20)
    async with small_mill.worker():
        batch = await small_mill.run(folder, page_size=4, continue_as_new_threshold=8)
        progress = await small_mill.client.progress(batch.id)
    assert progress.runs == 3
    assert progress.processed == 20


async def test_listing_is_frozen_when_the_batch_is_created(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 3)
    batch = await small_mill.start(folder)
    (folder / "note-9999.txt").write_text("too late")
    async with small_mill.worker():
        await small_mill.client.result(batch.id)
    assert len(await small_mill.items(batch)) == 3


async def test_unchanged_files_are_skipped_when_the_folder_runs_again(
    mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 4)
    async with mill.worker():
        await mill.run(folder)
        (folder / "note-0001.txt").write_text("Now it says something else.")
        (folder / "note-0007.txt").write_text("And this one is new.")
        again = await mill.run(folder)
    skipped = [item for item in await mill.items(again) if item.status == "skipped"]
    assert {item.skip_reason for item in skipped} == {"already_processed"}
    assert all(item.result_sha256 for item in skipped)
    assert await mill.outcomes(again) == {
        "note-0000.txt": "skipped",
        "note-0001.txt": "completed",
        "note-0002.txt": "skipped",
        "note-0003.txt": "skipped",
        "note-0007.txt": "completed",
    }


async def test_same_bytes_under_two_names_are_processed_once(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 1)
    async with small_mill.worker():
        await small_mill.run(folder)
        (folder / "copy.txt").write_bytes((folder / "note-0000.txt").read_bytes())
        again = await small_mill.run(folder)
    assert set((await small_mill.outcomes(again)).values()) == {"skipped"}


async def test_copies_have_separate_results_when_their_names_imply_other_types(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.txt", "b.csv", "c.log"):
        (folder / name).write_text("name,town\nAnn,Oslo\n")
    async with small_mill.worker():
        first = await small_mill.run(folder)
        (folder / "a.txt").rename(folder / "d.tsv")
        (folder / "c.log").rename(folder / "e.md")
        again = await small_mill.run(folder)
    results = {item.path: item.result_id for item in await small_mill.items(first)}
    assert results["a.txt"] == results["c.log"] != results["b.csv"]
    results |= {item.path: item.result_id for item in await small_mill.items(again)}
    assert results["d.tsv"] == results["b.csv"]
    assert results["e.md"] not in (results["a.txt"], results["b.csv"])


async def test_batch_processes_every_file_again_when_the_cache_is_disabled(
    small_mill: Mill, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    async with small_mill.worker():
        await small_mill.run(folder)
        job = {"type": "parse", "parameters": {"disable_cache": True}}
        again = await small_mill.run(folder, job=job)
    assert set((await small_mill.outcomes(again)).values()) == {"completed"}
