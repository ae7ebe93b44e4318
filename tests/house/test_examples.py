"""The example documents are what their script makes, small, and of every common kind."""

import subprocess
import sys
from pathlib import Path

from tests.house.code import ROOT

EXAMPLES = ROOT / "examples"
DOCUMENTS = EXAMPLES / "documents"
RENDERED = {"delivery-note-scan.png", "field/inspection-report.pdf"}
"""Holds pixels, which another processor may round differently."""


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_script_makes_exactly_the_stored_documents(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / "make_documents.py", tmp_path], check=True)

    assert names(tmp_path) == names(DOCUMENTS)
    for name in names(DOCUMENTS) - RENDERED:
        made, stored = (tmp_path / name).read_bytes(), (DOCUMENTS / name).read_bytes()
        assert made == stored, f"{name} differs: run examples/make_documents.py and commit it"


def test_the_examples_stay_small_and_of_many_kinds() -> None:
    found = [DOCUMENTS / name for name in names(DOCUMENTS)]

    assert max(path.stat().st_size for path in found) < 30_000
    kinds = {".pdf", ".png", ".docx", ".xlsx", ".pptx", ".html", ".md", ".csv", ".eml"}
    assert kinds == {path.suffix for path in found}
