"""The tutorial works as written, command by command."""

import re
import shutil
from pathlib import Path

from tests.cli.starting import ROOT, Cli

PAGE = ROOT / "docs/tutorial/first-batch.md"


def test_tutorial_works_as_written(cli: Cli) -> None:
    page = PAGE.read_text(encoding="utf-8")
    typed = re.findall(r"^    \.venv/bin/python starter\.py (.+)$", page, re.MULTILINE)
    shutil.copytree(ROOT / "examples/documents", cli.cwd / "my-documents")

    first, _, failures, second, check = [command.split() for command in typed]
    parsed = cli(*first)
    [batch] = set(re.findall(r"Batch (bat-\S+):", parsed.stdout))
    explained = cli(*failures[:-1], batch)
    Path(cli.cwd / "my-documents/broken-upload.pdf").unlink()
    again = cli(*second)

    assert parsed.returncode == 1, parsed.stdout + parsed.stderr
    assert "broken-upload.pdf: The file cannot be read" in parsed.stdout
    assert (cli.cwd / "docmill-out/my-documents/invoice-2026-014.pdf.md").exists()
    assert batch in cli("list").stdout
    assert "corrupt" in explained.stdout
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"already processed +10\b", again.stdout)
    assert cli(*check).returncode == 0
