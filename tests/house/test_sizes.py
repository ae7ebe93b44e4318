"""The size limit of files; ruff limits functions."""

from pathlib import Path

from tests.house.code import ROOT, files

MAX_FILE_LINES = 600


def _tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def test_no_file_exceeds_the_size_limit() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*files(), *_tests()]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    }
    assert not long, f"over {MAX_FILE_LINES} lines, look for the second noun and split: {long}"
