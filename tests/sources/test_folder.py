"""Scanning folders: what is listed, in which order, and what is refused."""

import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from docmill.errors import UsageError
from docmill.sources.entries import ScannedEntry
from docmill.sources.folder import FolderSource, scan
from tests.fixtures.ordinary_user import ordinary_user


def entries_of(source: FolderSource) -> list[ScannedEntry]:
    return [entry for chunk in scan(source) for entry in chunk]


def listed(folder: Path, **options: object) -> list[str]:
    source = FolderSource.resolve(folder, **options)  # type: ignore[arg-type]
    return [entry.unique_id for entry in entries_of(source)]


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path)


def test_files_come_sorted_and_depth_first(tmp_path: Path) -> None:
    fill(tmp_path, "b.txt", "a/z.txt", "a/b/c.txt", "c.txt", "B.txt")
    assert listed(tmp_path) == ["B.txt", "a/b/c.txt", "a/z.txt", "b.txt", "c.txt"]


def test_an_entry_says_what_was_found(tmp_path: Path) -> None:
    fill(tmp_path, "a/ü b.txt")
    (entry,) = entries_of(FolderSource.resolve(tmp_path))
    status = (tmp_path / "a/ü b.txt").stat()
    assert entry.unique_id == "a/ü b.txt"
    assert entry.display_name == "ü b.txt"
    assert entry.raw_path == "a/ü b.txt".encode()
    assert entry.size == status.st_size
    assert entry.signature == f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def test_hidden_files_links_and_devices_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "outside", "secret.txt")
    folder = tmp_path / "in"
    fill(folder, "a.txt", ".hidden", ".git/config")
    (folder / "link.txt").symlink_to(tmp_path / "outside/secret.txt")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe")
    assert listed(folder) == ["a.txt"]


def test_our_own_folders_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "docmill-out/in/a.txt.md", "home/records.db", "homework/a.txt")
    left = listed(tmp_path, leave_out=(tmp_path / "docmill-out/in", tmp_path / "home"))
    assert left == ["a.txt", "homework/a.txt"]


def test_a_folder_cannot_be_its_own_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="read and written"):
        FolderSource.resolve(tmp_path, leave_out=(tmp_path / "x" / "..",))


def test_without_recursion_only_the_top_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "b/c.txt")
    assert listed(tmp_path, recursive=False) == ["a.txt"]


def test_include_and_exclude_choose(tmp_path: Path) -> None:
    fill(tmp_path, "a.pdf", "a.txt", "drafts/b.pdf", "x/drafts/c.pdf", "x/d.PDF")
    assert listed(tmp_path, include=("*.pdf",), exclude=("drafts",)) == ["a.pdf", "x/d.PDF"]


def test_a_source_survives_its_row(tmp_path: Path) -> None:
    source = FolderSource.resolve(
        tmp_path, recursive=False, include=("*.pdf",), leave_out=(tmp_path / "out",)
    )
    assert FolderSource.from_json(source.as_json()) == source


def test_a_folder_named_through_a_link_is_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert FolderSource.resolve(tmp_path / "link").folder == (tmp_path / "real").resolve()


def test_names_that_are_not_utf8_are_listed_under_distinct_readable_ids(tmp_path: Path) -> None:
    raw = [b"caf\xe9.txt", b"caf\xea.txt", rb"caf\xe9.txt", b"bad\xff/in.txt"]
    for path in raw:
        full = os.path.join(os.fsencode(tmp_path), path)  # noqa: PTH118 - raw bytes
        Path(os.fsdecode(full)).parent.mkdir(exist_ok=True)
        Path(os.fsdecode(full)).write_text("x")
    found = {entry.raw_path: entry for entry in entries_of(FolderSource.resolve(tmp_path))}
    assert sorted(found) == sorted(raw)
    assert len({entry.unique_id for entry in found.values()}) == 4
    assert found[rb"caf\xe9.txt"].unique_id == r"caf\xe9.txt"
    assert found[b"caf\xe9.txt"].unique_id.startswith("caf\\xe9.txt~")
    for entry in found.values():
        entry.unique_id.encode()
        entry.display_name.encode()


def test_a_name_cannot_pretend_to_be_an_escaped_one(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff")
    odd.write_text("x")
    (escaped,) = listed(tmp_path)
    (tmp_path / escaped).write_text("y")
    ids = listed(tmp_path)
    assert len(ids) == len(set(ids)) == 2
    assert escaped in ids


@pytest.mark.parametrize("missing", ["nowhere", "file.txt"])
def test_what_is_no_folder_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError) as refused:
        FolderSource.resolve(tmp_path / missing)
    assert missing in refused.value.message
    assert refused.value.hint


def test_a_folder_that_vanished_since_is_refused(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "gone")
    with pytest.raises(UsageError, match="does not exist"):
        entries_of(source)


def test_an_unreadable_subfolder_is_named_not_skipped() -> None:
    with ordinary_user() as folder:
        fill(folder, "a.txt", "private/b.txt")
        (folder / "private").chmod(0)
        try:
            with pytest.raises(UsageError, match="private cannot be read") as refused:
                listed(folder)
            assert "--exclude" in refused.value.hint
            assert listed(folder, exclude=("private",)) == ["a.txt"]
            (folder / "private").chmod(0o400)
            with pytest.raises(UsageError, match=r"private/b\.txt cannot be read"):
                listed(folder)
        finally:
            (folder / "private").chmod(0o700)


def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    depth = 1200
    start = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(depth):
            Path("d").mkdir()
            os.chdir("d")
        Path("deep.txt").write_text("x")
        os.chdir(start)
        (found,) = listed(tmp_path)
    finally:
        os.chdir(start)
        # Python's own way to remove a tree is not deep enough, and pytest would use it.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
    assert found.count("/") == depth


def test_twenty_thousand_files_are_listed_once_in_order_and_in_chunks(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"{folder:02}").mkdir()
        for number in range(1000):
            (tmp_path / f"{folder:02}" / f"{number:04}.txt").touch()
    source = FolderSource.resolve(tmp_path)
    tracemalloc.start()
    count, last = 0, ""
    for chunk in scan(source, chunk=500):
        assert len(chunk) == 500
        for entry in chunk:
            assert entry.unique_id > last
            last = entry.unique_id
            count += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3 * 1024 * 1024
