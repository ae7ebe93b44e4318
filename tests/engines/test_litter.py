"""Lock files and partial downloads that are named or uploaded fail with a reason that says so."""

from pathlib import Path

import pytest

from docmill.engines.base import EngineTask
from docmill.engines.parse import Watcher, parse_document
from docmill.engines.registry import BUILTIN, Registry, registry_of
from docmill.errors import FailureClass, ItemFailure
from tests.engines.documents import pdf

OWNER = b"\x05Berta".ljust(54) + b"\x05\x00B\x00e\x00r\x00t\x00a\x00"


def _reason(tmp_path: Path, name: str, data: bytes) -> ItemFailure:
    with pytest.raises(ItemFailure) as failed:
        _read(tmp_path, name, data)
    return failed.value


def _read(tmp_path: Path, name: str, data: bytes) -> str:
    path = tmp_path / "input"
    path.write_bytes(data)
    task = EngineTask("parse", str(path), name, str(tmp_path))
    result, _ = parse_document(task, {}, _registry(), Watcher())
    return result.pages[0].text


def _registry() -> Registry:
    return registry_of(BUILTIN)


@pytest.mark.parametrize(
    ("name", "size"), [("a/~$report.docx", 162), ("~$b.xlsx", 165), (".~lock.c.odt#", 90)]
)
def test_lock_file_is_identified_in_the_reason(tmp_path: Path, name: str, size: int) -> None:
    failure = _reason(tmp_path, name, OWNER.ljust(size, b"\0"))

    assert failure.failure_class is FailureClass.UNSUPPORTED_TYPE
    assert "lock file" in failure.message


@pytest.mark.parametrize("ending", ["crdownload", "part", "download"])
def test_unreadable_partial_download_is_identified_in_the_reason(
    tmp_path: Path, ending: str
) -> None:
    failure = _reason(tmp_path, f"scan.pdf.{ending}", b"%PDF-1.7\nthe first half")

    assert failure.failure_class is FailureClass.UNSUPPORTED_TYPE
    assert "not completed" in failure.message


def test_complete_html_document_is_detected_under_any_name(tmp_path: Path) -> None:
    assert "All of it." in _read(tmp_path, "scan.pdf.part", pdf("All of it."))
    assert "words " * 300 in _read(tmp_path, "~$notes.txt", b"words " * 301)
