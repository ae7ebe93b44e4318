"""Scanning folders: which entries are listed, in which order, and what is rejected."""

import os
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from docmill.contracts.scans import RUN_FILE, LeftOut, ScannedEntry
from docmill.errors import UsageError
from docmill.sources.folder import FolderSource
from tests.fixtures.ordinary_user import ordinary_user


def entries_of(source: FolderSource) -> list[ScannedEntry]:
    return [entry for chunk in source.scan() for entry in chunk]


def listed(folder: Path, **options: object) -> list[str]:
    source = FolderSource.resolve(folder, **options)  # type: ignore[arg-type]
    return [entry.unique_id for entry in entries_of(source)]


def left_out(folder: Path, **options: object) -> dict[str, Any] | None:
    found = LeftOut()
    source = FolderSource.resolve(folder, **options)  # type: ignore[arg-type]
    for _ in source.scan(found):
        pass
    return found.as_json()


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path)


def test_files_are_listed_sorted_and_depth_first(tmp_path: Path) -> None:
    fill(tmp_path, "b.txt", "a/z.txt", "a/b/c.txt", "c.txt", "B.txt")
    assert listed(tmp_path) == ["B.txt", "a/b/c.txt", "a/z.txt", "b.txt", "c.txt"]


def test_listed_entry_has_name_size_and_signature(tmp_path: Path) -> None:
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
    assert left_out(folder) == {
        "symlink": {"count": 4, "names": ["broken", "link.txt", "linked", "loop"]},
        "hidden": {"count": 2, "names": [".git/", ".hidden"]},
        "special": {"count": 1, "names": ["pipe"]},
    }


LITTER = (
    *("~$report.docx", ".~lock.report.odt#", "desktop.ini", "Thumbs.db", ".DS_Store", "._a.pdf"),
    *("scan.pdf.crdownload", "scan.pdf.part", "SCAN.PDF.Download", "~WRL0001.tmp"),
    *("scan.pdf.filepart", "Icon\r", "~DF0A1B.tmp"),
)


def test_temporary_files_of_programs_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, *LITTER, "b/desktop.ini", "report.docx", "part.txt", "thumbs.pdf", "desktop.txt")
    assert listed(tmp_path) == ["desktop.txt", "part.txt", "report.docx", "thumbs.pdf"]
    found = left_out(tmp_path)
    assert found is not None
    assert found["litter"]["count"] == len(LITTER) + 1
    assert set(found["litter"]["names"]) == {*LITTER, "b/desktop.ini"}


def test_system_folders_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "$RECYCLE.BIN/S-1/$IA1B2C.docx", "__MACOSX/a/._a.pdf", "a/@eaDir/a.pdf", "b.txt")

    assert listed(tmp_path) == ["b.txt"]
    found = left_out(tmp_path)
    assert found is not None
    assert set(found["litter"]["names"]) == {"$RECYCLE.BIN/", "__MACOSX/", "a/@eaDir/"}


def test_entries_excluded_by_patterns_are_not_counted(tmp_path: Path) -> None:
    fill(tmp_path, "a.pdf", "~$a.docx", ".b.txt", "drafts/.hidden.pdf")
    (tmp_path / "link.txt").symlink_to("a.pdf")
    (tmp_path / "link.pdf").symlink_to("a.pdf")
    assert left_out(tmp_path, include=("*.pdf",), exclude=("drafts",)) == {
        "symlink": {"count": 1, "names": ["link.pdf"]}
    }
    assert left_out(tmp_path, exclude=("drafts", "link*", "*.docx", ".b.txt")) is None


def test_names_of_left_out_entries_are_bounded_and_their_count_is_exact(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}").symlink_to("nowhere")
    found = left_out(tmp_path)
    assert found is not None
    assert found["symlink"]["count"] == 1000
    assert found["symlink"]["names"] == [f"{number:04}" for number in range(20)]


def test_links_within_the_folder_are_followed_when_requested(tmp_path: Path) -> None:
    fill(tmp_path / "outside", "secret.txt")
    folder = tmp_path / "in"
    fill(folder, "real/a.txt", "real/deep/b.txt", "c.txt")
    (folder / "file.txt").symlink_to("real/a.txt")
    (folder / "chain.txt").symlink_to("file.txt")
    (folder / "deep").symlink_to(folder / "real/deep")
    (folder / "out.txt").symlink_to(tmp_path / "outside/secret.txt")
    (folder / "real/up").symlink_to("../../outside")
    (folder / "gone").symlink_to("nothing")

    source = FolderSource.resolve(folder, follow_links=True)
    found = {entry.unique_id: entry.raw_path for entry in entries_of(source)}

    assert found == {
        "c.txt": b"c.txt",
        "chain.txt": b"real/a.txt",
        "deep/b.txt": b"real/deep/b.txt",
        "file.txt": b"real/a.txt",
        "real/a.txt": b"real/a.txt",
        "real/deep/b.txt": b"real/deep/b.txt",
    }
    assert left_out(folder, follow_links=True) == {
        "symlink_outside": {"count": 2, "names": ["out.txt", "real/up"]},
        "symlink_broken": {"count": 1, "names": ["gone"]},
    }


def test_scan_ends_with_cyclic_links(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{name}/file.txt" for name in "abcdefgh"))
    for one in "abcdefgh":
        (tmp_path / one / "root").symlink_to(tmp_path)
        for other in "abcdefgh":
            (tmp_path / one / f"to-{other}").symlink_to(f"../{other}")
    (tmp_path / "self").symlink_to("self")

    found = listed(tmp_path, follow_links=True)

    assert {f"{name}/file.txt" for name in "abcdefgh"} <= set(found)
    assert len(found) == len(set(found)) <= 16
    left = left_out(tmp_path, follow_links=True)
    assert left is not None
    assert left["symlink_repeated"]["count"] > 40
    assert left["symlink_broken"]["names"] == ["self"]


def test_links_into_the_home_or_into_outputs_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "home/records.db", "old/a.txt.md", f"old/{RUN_FILE}")
    (tmp_path / "to-home").symlink_to("home")
    (tmp_path / "to-old").symlink_to("old")

    options = {"leave_out": (tmp_path / "home",), "follow_links": True}
    assert listed(tmp_path, **options) == ["a.txt"]
    found = left_out(tmp_path, **options)
    assert found == {"output": {"count": 3, "names": ["old/", "to-home", "to-old/"]}}


def test_home_and_output_folders_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "docmill-out/in/a.txt.md", "home/records.db", "homework/a.txt")
    left = listed(tmp_path, leave_out=(tmp_path / "docmill-out/in", tmp_path / "home"))
    assert left == ["a.txt", "homework/a.txt"]


def test_folder_cannot_be_its_own_output(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="read and written"):
        FolderSource.resolve(tmp_path, leave_out=(tmp_path / "x" / "..",))


def test_only_the_top_folder_is_listed_when_not_recursive(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "b/c.txt")
    assert listed(tmp_path, recursive=False) == ["a.txt"]


def test_include_and_exclude_select_files(tmp_path: Path) -> None:
    fill(tmp_path, "a.pdf", "a.txt", "drafts/b.pdf", "x/drafts/c.pdf", "x/d.PDF")
    assert listed(tmp_path, include=("*.pdf",), exclude=("drafts",)) == ["a.pdf", "x/d.PDF"]


def test_source_url_survives_deletion_of_its_file(tmp_path: Path) -> None:
    source = FolderSource.resolve(
        tmp_path, recursive=False, include=("*.pdf",), leave_out=(tmp_path / "out",)
    )
    assert FolderSource.from_json(source.as_json()) == source
    assert "follow_links" not in source.as_json()  # as it was stored before there was such a thing
    following = FolderSource.resolve(tmp_path, follow_links=True)
    assert FolderSource.from_json(following.as_json()) == following


def test_folder_named_through_a_link_is_resolved(tmp_path: Path) -> None:
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


def test_file_name_that_looks_escaped_is_escaped(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff")
    odd.write_text("x")
    (escaped,) = listed(tmp_path)
    (tmp_path / escaped).write_text("y")
    ids = listed(tmp_path)
    assert len(ids) == len(set(ids)) == 2
    assert escaped in ids


@pytest.mark.parametrize("missing", ["nowhere", "file.txt"])
def test_input_that_is_not_a_folder_is_rejected(tmp_path: Path, missing: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError) as refused:
        FolderSource.resolve(tmp_path / missing)
    assert missing in refused.value.message
    assert refused.value.hint


def test_vanished_folder_is_rejected(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "gone")
    with pytest.raises(UsageError, match="does not exist"):
        entries_of(source)


def test_unreadable_subfolder_is_left_out_and_named() -> None:
    with ordinary_user() as folder:
        fill(folder, "a.txt", "private/b.txt", "private/c.txt")
        (folder / "private").chmod(0)
        try:
            assert listed(folder) == ["a.txt"]
            assert left_out(folder) == {"unreadable": {"count": 1, "names": ["private/"]}}
            assert left_out(folder, exclude=("private",)) is None
            (folder / "private").chmod(0o400)
            assert listed(folder) == ["a.txt"]
            names = ["private/b.txt", "private/c.txt"]
            assert left_out(folder) == {"unreadable": {"count": 2, "names": names}}
        finally:
            (folder / "private").chmod(0o700)


def test_unreadable_folder_is_rejected() -> None:
    with ordinary_user() as folder:
        (folder / "in").mkdir()
        source = FolderSource.resolve(folder / "in")
        (folder / "in").chmod(0)
        try:
            with pytest.raises(UsageError, match="cannot be read") as refused:
                entries_of(source)
            assert "--exclude" in refused.value.hint
        finally:
            (folder / "in").chmod(0o700)


@pytest.mark.integration
def test_tree_deeper_than_the_recursion_limit_is_scanned(tmp_path: Path) -> None:
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


@pytest.mark.integration  # large: the unit tier takes under a minute
def test_twenty_thousand_files_are_listed_once_in_order_and_in_chunks(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"{folder:02}").mkdir()
        for number in range(1000):
            (tmp_path / f"{folder:02}" / f"{number:04}.txt").touch()
    source = FolderSource.resolve(tmp_path)
    tracemalloc.start()
    count, last = 0, ""
    for chunk in source.scan(chunk=500):
        assert len(chunk) == 500
        for entry in chunk:
            assert entry.unique_id > last
            last = entry.unique_id
            count += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 3 * 1024 * 1024
