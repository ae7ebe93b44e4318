"""A folder as uploads has the same listing as a scan in place."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docmill.cli.context import CommandContext, open_context
from docmill.cli.run.upload import upload_folder
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.directory_files import DirectoryFiles
from docmill.settings import load_settings
from docmill.sources.folder import FolderSource


@pytest.fixture
async def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CommandContext]:
    """A home of its own."""
    monkeypatch.delenv("DOCMILL_DATABASE_URL", raising=False)
    async with open_context(load_settings(home=tmp_path / "home")) as context:
        yield context


async def test_repeated_upload_sends_only_changed_files(
    context: CommandContext, folder: Path
) -> None:
    source = FolderSource.resolve(folder)
    first = (await upload_folder(context, DEFAULT_PROJECT_ID, source))[1]
    again = (await upload_folder(context, DEFAULT_PROJECT_ID, source))[1]
    await asyncio.to_thread((folder / "a.md").write_text, "# Other text\n")
    (folder / "b.csv").unlink()
    (folder / "new.md").touch()
    directory, third = await upload_folder(context, DEFAULT_PROJECT_ID, source)

    assert (first.total, first.new, first.changed) == (3, 3, 0)
    assert (again.total, again.new, again.changed, again.vanished) == (3, 0, 0, ())
    assert (third.total, third.new, third.changed) == (3, 1, 1)
    assert third.vanished == ("b.csv",)
    async with context.database.read() as session:
        rows = (await DirectoryFiles(session).list(DEFAULT_PROJECT_ID, directory.id)).items
    assert {row.unique_id: row.size for row in rows} == {
        "a.md": 13,
        "letters/c.txt": (folder / "letters/c.txt").stat().st_size,
        "new.md": 0,
    }


async def test_file_with_a_name_that_is_not_utf8_is_uploaded(
    context: CommandContext, tmp_path: Path
) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    try:
        with open(os.fsencode(odd) + b"/caf\xe9.txt", "wb") as file:  # noqa: PTH123 - raw bytes
            file.write(b"coffee")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    _, summary = await upload_folder(context, DEFAULT_PROJECT_ID, FolderSource.resolve(odd))

    assert summary.total == 1
