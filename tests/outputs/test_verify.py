"""Verification: a changed byte, a missing file, a damaged manifest."""

import shutil
from pathlib import Path

import pytest

from docmill.errors import UsageError
from docmill.outputs.verify import Problem, verify
from tests.outputs.shelf import Shelf


@pytest.fixture
async def out(tmp_path: Path) -> Path:
    shelf = Shelf(tmp_path)
    shelf.illustrated = frozenset({"a.pdf"})
    await shelf.open(3)
    await shelf.put(1, "a.pdf")
    await shelf.put(2, "sub/b.pdf")
    await shelf.put(3, "c.pdf", "failed", failure_class="corrupt")
    await shelf.write()
    await shelf.end()
    with shelf.exporter() as exporter:
        await exporter.finish()
    await shelf.database.close()
    return shelf.out


def flip(path: Path, place: int = -3) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


async def test_written_output_verifies(out: Path) -> None:
    assert verify(out) == []


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf.json",
        "a.pdf.md",
        "a.pdf.files/img_p1_1.png",
        "sub/b.pdf.json",
        "sub/b.pdf.md",
        "manifest.parquet",
    ],
)
async def test_one_changed_byte_is_found(out: Path, name: str) -> None:
    flip(out / name)
    assert verify(out) == [Problem(name, "has changed")]


@pytest.mark.parametrize(
    "name",
    ["a.pdf.md", "a.pdf.files/img_p1_1.png", "sub/b.pdf.md", "manifest.parquet", "manifest.sha256"],
)
async def test_one_missing_file_is_found(out: Path, name: str) -> None:
    (out / name).unlink()
    assert verify(out) == [Problem(name, "is missing")]


async def test_edited_row_is_found(out: Path) -> None:
    lines = out / "manifest.jsonl"
    lines.write_text(lines.read_text().replace("corrupt", "encrypted"))
    assert verify(out) == [Problem("manifest.jsonl", "has changed")]


async def test_verify_of_an_emptied_folder_names_every_file(out: Path) -> None:
    shutil.rmtree(out / "sub")
    (out / "a.pdf.json").unlink()
    (out / "a.pdf.md").unlink()
    assert {problem.path for problem in verify(out)} == {
        "a.pdf.json",
        "a.pdf.md",
        "sub/b.pdf.json",
        "sub/b.pdf.md",
    }


async def test_folder_in_place_of_a_file_is_a_missing_file(out: Path) -> None:
    (out / "a.pdf.json").unlink()
    (out / "a.pdf.json").mkdir()
    assert Problem("a.pdf.json", "is missing") in verify(out)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{}\n", b'{"path": 1}\n', b"[]"])
async def test_damaged_manifest_is_rejected_with_a_message(out: Path, content: bytes) -> None:
    (out / "manifest.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match="damaged in line 1") as refused:
        verify(out)
    assert "run" in refused.value.hint


def test_folder_without_a_manifest_is_rejected_with_a_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read") as refused:
        verify(tmp_path)
    assert "run" in refused.value.hint


@pytest.mark.parametrize("path", ["../secret.json", "/etc/passwd.json", "a.pdf.exe"])
async def test_manifest_cannot_point_outside_its_folder(out: Path, path: str) -> None:
    lines = out / "manifest.jsonl"
    lines.write_text(lines.read_text().replace("sub/b.pdf.json", path))
    assert Problem(path, "is not an output of this folder") in verify(out)
