"""A named server: the location of its workers decides how they get the files."""

import subprocess
import sys
from pathlib import Path

import pytest

from docmill.cli.run.start import upload_is_needed
from docmill.embedded.home import Home
from docmill.embedded.members import Membership
from docmill.errors import UsageError
from tests.cli.conftest import finish
from tests.cli.starting import ROOT, Cli, wait_for


def test_local_workers_read_the_folder_in_place() -> None:
    assert not upload_is_needed(["7@here"], "here", shared=False)
    assert not upload_is_needed(["7@here", "8@here"], "here", shared=True)
    assert not upload_is_needed([], "here", shared=False)


def test_remote_workers_get_the_files_through_the_shared_store() -> None:
    assert upload_is_needed(["7@here", "8@there"], "here", shared=True)
    assert upload_is_needed([], "here", shared=True)


def test_remote_workers_with_local_records_are_rejected() -> None:
    with pytest.raises(UsageError, match="cannot reach the records") as caught:
        upload_is_needed(["8@there"], "here", shared=False)

    assert "DOCMILL_DATABASE_URL" in caught.value.hint


async def test_folder_is_uploaded_when_workers_are_remote(
    postgres_url: str, tmp_path: Path, folder: Path
) -> None:
    (folder / "empty.txt").touch()
    shared = {
        "DOCMILL_DATABASE_URL": postgres_url,
        "DOCMILL_STORE_URL": (tmp_path / "store").as_uri(),
    }
    async with Membership(Home(tmp_path / "server").create()) as addresses:
        shared["TEMPORAL_ADDRESS"] = addresses.grpc
        cli = Cli(tmp_path / "home", tmp_path, shared)
        run = cli.start("run", folder)
        wait_for(run, "No worker polls")
        batch_id = wait_for(run, r"Batch (bat-\S+): 4 files").group(1)
        elsewhere = Cli(tmp_path / "other", tmp_path, shared)
        worker = subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py")],
            env={**elsewhere.environment, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )
        try:
            words = finish(run)
        finally:
            worker.terminate()
            worker.wait()

        assert run.returncode == 1, words
        assert "completed  3" in words
        assert "empty (1)" in words
        out = tmp_path / "docmill-out" / "papers"
        assert "Text of the first paper." in (out / "a.md.md").read_text()
        assert cli("verify", out).returncode == 0
        assert cli.json("status", batch_id)["completed"] == 3
