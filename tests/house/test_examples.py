"""The example documents are those of their script, small, and of every common kind."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.mill import Mill
from tests.house.code import ROOT

EXAMPLES = ROOT / "examples"
DOCUMENTS = EXAMPLES / "documents"
RENDERED = {"delivery-note-scan.png", "field/inspection-report.pdf"}
"""Holds pixels, which another processor may round differently."""


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.integration
def test_example_script_makes_exactly_the_stored_documents(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / "make_documents.py", tmp_path], check=True)

    assert names(tmp_path) == names(DOCUMENTS)
    for name in names(DOCUMENTS) - RENDERED:
        made, stored = (tmp_path / name).read_bytes(), (DOCUMENTS / name).read_bytes()
        assert made == stored, f"{name} differs: run examples/make_documents.py and commit it"


def test_examples_are_small_and_of_many_kinds() -> None:
    found = [DOCUMENTS / name for name in names(DOCUMENTS)]

    assert max(path.stat().st_size for path in found) < 30_000
    kinds = {".pdf", ".png", ".docx", ".xlsx", ".pptx", ".html", ".md", ".csv", ".eml"}
    assert kinds == {path.suffix for path in found}


async def test_plain_temporal_client_runs_a_batch_over_the_examples(small_mill: Mill) -> None:
    address = small_mill.temporal.service_client.config.target_host
    async with small_mill.worker():
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / "start_from_temporal_client.py"),
            str(DOCUMENTS),
            env={**os.environ, "TEMPORAL_ADDRESS": address},
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await program.communicate()

    last = printed.decode().splitlines()[-1]
    assert program.returncode == 0, printed.decode()
    counts = {"completed": len(names(DOCUMENTS)) - 1, "failed": 1, "skipped": 0, "cancelled": 0}
    assert last == f"COMPLETED: {counts} of {len(names(DOCUMENTS))} files"
